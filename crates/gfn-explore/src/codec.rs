//! The bytes in which sources save paths and numbers: little-endian, with a length and a checksum.
//!
//! `magic [8] · length of the body, u64 · body · FNV-1a of everything before, u64`. In the body whole numbers are LEB128
//! (seven bits a byte, lowest first), reals are the eight bytes of an `f64`.

use gfn_env::{Action, Environment, walk};

/// Writes a body.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    body: Vec<u8>,
}

impl Writer {
    pub(crate) fn whole(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.body.push(value as u8 & 0x7f | 0x80);
            value >>= 7;
        }
        self.body.push(value as u8);
    }

    pub(crate) fn real(&mut self, value: f64) {
        self.body.extend(value.to_bits().to_le_bytes());
    }

    pub(crate) fn actions(&mut self, actions: &[Action]) {
        self.whole(actions.len() as u64);
        for action in actions {
            self.whole(u64::from(action.0));
        }
    }

    pub(crate) fn finish(self, magic: [u8; 8]) -> Vec<u8> {
        let mut bytes = magic.to_vec();
        bytes.extend((self.body.len() as u64).to_le_bytes());
        bytes.extend(self.body);
        let sum = checksum(&bytes);
        bytes.extend(sum.to_le_bytes());
        bytes
    }
}

/// Reads a body; every error says what is wrong.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    body: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8], magic: [u8; 8]) -> Result<Self, String> {
        let Some((found, rest)) = bytes.split_first_chunk::<8>() else {
            return Err(format!("{} bytes are too few", bytes.len()));
        };
        if *found != magic {
            return Err("it begins as something else".to_owned());
        }
        let Some((length, rest)) = rest.split_first_chunk::<8>() else {
            return Err(format!("{} bytes are too few", bytes.len()));
        };
        let length = u64::from_le_bytes(*length);
        if rest.len() as u64 != length.saturating_add(8) {
            return Err(format!(
                "it is cut short: {} bytes where {length} and a checksum belong",
                rest.len()
            ));
        }
        let (content, sum) = bytes.split_at(bytes.len() - 8);
        if checksum(content).to_le_bytes() != sum {
            return Err("its checksum is wrong".to_owned());
        }
        Ok(Self {
            body: &content[16..],
        })
    }

    pub(crate) fn whole(&mut self) -> Result<u64, String> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let [byte] = self.take::<1>()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err("a number is too long".to_owned())
    }

    pub(crate) fn real(&mut self) -> Result<f64, String> {
        Ok(f64::from_bits(u64::from_le_bytes(self.take()?)))
    }

    pub(crate) fn actions(&mut self) -> Result<Vec<Action>, String> {
        let n = self.whole()?;
        (0..n)
            .map(|_| {
                let action = self.whole()?;
                let action = u32::try_from(action).map_err(|_large| "an action is too large")?;
                Ok(Action(action))
            })
            .collect()
    }

    pub(crate) fn finish(self) -> Result<(), String> {
        if self.body.is_empty() {
            return Ok(());
        }
        Err(format!("{} bytes too many", self.body.len()))
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let Some((taken, rest)) = self.body.split_first_chunk::<N>() else {
            return Err("it ends too early".to_owned());
        };
        self.body = rest;
        Ok(*taken)
    }
}

/// 64-bit FNV-1a.
fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// The terminal state at the end of saved actions.
pub(crate) fn walk_to_the_end<E: Environment>(
    env: &E,
    actions: &[Action],
) -> Result<E::State, String> {
    let (mut states, _) = walk(env, actions).map_err(|refused| refused.to_string())?;
    let last = states.pop();
    last.filter(|state| env.is_terminal(state))
        .ok_or_else(|| "a path does not end in a terminal state".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAGIC: [u8; 8] = *b"gfn-test";

    fn sample() -> Vec<u8> {
        let mut writer = Writer::default();
        for value in [0, 127, 128, u64::MAX] {
            writer.whole(value);
        }
        writer.real(-0.0);
        writer.actions(&[Action(3), Action(300)]);
        writer.finish(MAGIC)
    }

    #[test]
    fn what_is_written_is_read() {
        let bytes = sample();
        let mut reader = Reader::new(&bytes, MAGIC).unwrap();
        for value in [0, 127, 128, u64::MAX] {
            assert_eq!(reader.whole(), Ok(value));
        }
        assert_eq!(reader.real().unwrap().to_bits(), (-0.0f64).to_bits());
        assert_eq!(reader.actions(), Ok(vec![Action(3), Action(300)]));
        assert_eq!(reader.finish(), Ok(()));
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_found() {
        let bytes = sample();
        for i in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[i] ^= 1 << (i % 8);
            assert!(Reader::new(&damaged, MAGIC).is_err(), "byte {i}");
            assert!(Reader::new(&bytes[..i], MAGIC).is_err(), "cut at {i}");
        }
    }

    #[test]
    fn a_body_that_is_too_long_or_too_short_is_found() {
        let mut writer = Writer::default();
        writer.whole(1);
        let bytes = writer.finish(MAGIC);
        let reader = Reader::new(&bytes, MAGIC).unwrap();
        assert!(reader.finish().unwrap_err().contains("too many"));
        let mut reader = Reader::new(&bytes, MAGIC).unwrap();
        assert!(reader.real().unwrap_err().contains("too early"));
    }
}
