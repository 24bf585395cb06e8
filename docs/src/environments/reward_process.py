"""Rewards for gfn-bench from Python: the natural-log reward of a string is the number of its letters G and C.

Questions and answers are lines of JSON on the standard input and output; print everything else to the standard error.
"""

import json
import sys


def log_reward(string):
    return float(sum(letter in "GC" for letter in string))


for line in sys.stdin:
    question = json.loads(line)
    answer = {"id": question["id"]}
    try:
        answer["log_rewards"] = [log_reward(string) for string in question["objects"]]
    except Exception as error:
        answer["error"] = str(error)
    print(json.dumps(answer), flush=True)
