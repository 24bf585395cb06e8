//! The report as one HTML file without scripts or references to other files.

use super::section::{Block, DrawnPlot, Section, Table, slug};
use crate::plot::Plot;

const STYLE: &str = include_str!("style.css");

/// The whole page. `plots` are those of the sections, in order.
pub(super) fn page(suite: &str, sections: &[Section], plots: &[DrawnPlot]) -> String {
    let title = escape(suite);
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title} · report</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<header>\n<h1>{title}</h1>\n<nav>"
    );
    for section in sections {
        page += &format!(
            "<a href=\"#{}\">{}</a>",
            slug(&section.title),
            escape(&section.title)
        );
    }
    page += "</nav>\n</header>\n<main>\n";
    let mut plots = plots.iter();
    for section in sections {
        page += &format!(
            "<section id=\"{}\">\n<h2>{}</h2>\n",
            slug(&section.title),
            escape(&section.title)
        );
        let runs = section.blocks.chunk_by(|a, b| is_plot(a) && is_plot(b));
        for blocks in runs {
            if blocks.first().is_some_and(is_plot) {
                page += "<div class=\"plots\">\n";
                for block in blocks {
                    figure(block, plots.next(), &mut page);
                }
                page += "</div>\n";
            } else {
                blocks.iter().for_each(|block| text_block(block, &mut page));
            }
        }
        page += "</section>\n";
    }
    page + "</main>\n</body>\n</html>\n"
}

fn is_plot(block: &Block) -> bool {
    matches!(block, Block::Plot(_))
}

fn figure(block: &Block, plot: Option<&DrawnPlot>, page: &mut String) {
    let Some(plot) = plot else { return };
    // Dark pages turn the colours of drawings around; those of a heat map mean something.
    let class = if matches!(block, Block::Plot(Plot::Heat(_))) {
        "picture"
    } else {
        "drawing"
    };
    let label = escape(&plot.title);
    *page += &format!(
        "<figure class=\"{class}\" role=\"img\" aria-label=\"{label}\">\n{}</figure>\n",
        plot.svg
    );
}

fn text_block(block: &Block, page: &mut String) {
    match block {
        Block::Heading(text) => *page += &format!("<h3>{}</h3>\n", escape(text)),
        Block::Paragraph(text) => *page += &format!("<p>{}</p>\n", inline(text)),
        Block::Table(table) => self::table(table, page),
        Block::Details { summary, text, .. } => {
            let (summary, text) = (escape(summary), escape(text));
            *page += &format!(
                "<details>\n<summary>{summary}</summary>\n<pre><code>{text}</code></pre>\n</details>\n"
            );
        }
        // Drawn by `figure`.
        Block::Plot(_) => {}
    }
}

fn table(table: &Table, page: &mut String) {
    *page += "<div class=\"scroll\">\n<table>\n";
    if !table.caption.is_empty() {
        *page += &format!("<caption>{}</caption>\n", escape(&table.caption));
    }
    let class = |column: usize| {
        if column < table.n_text_columns {
            ""
        } else {
            " class=\"figure\""
        }
    };
    *page += "<thead><tr>";
    for (column, name) in table.header.iter().enumerate() {
        *page += &format!("<th{}>{}</th>", class(column), escape(name));
    }
    *page += "</tr></thead>\n<tbody>\n";
    for row in &table.rows {
        *page += "<tr>";
        for (column, cell) in row.iter().enumerate() {
            *page += &format!(
                "<td{}>{}</td>",
                class(column),
                cell_text(cell, column >= table.n_text_columns)
            );
        }
        *page += "</tr>\n";
    }
    *page += "</tbody>\n</table>\n</div>\n";
}

/// In columns of figures the range behind a median steps back, on a line of its own.
fn cell_text(cell: &str, is_figure: bool) -> String {
    match cell.split_once(" [") {
        Some((median, range)) if is_figure => {
            format!(
                "{} <span class=\"range\">[{}</span>",
                escape(median),
                escape(range)
            )
        }
        _ => escape(cell),
    }
}

/// Text for HTML, in content or in a quoted attribute.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            // Control characters are not allowed in a page, and terminals colour failure messages with them.
            other if other.is_control() && other != '\n' && other != '\t' => {
                escaped.push('\u{fffd}');
            }
            other => escaped.push(other),
        }
    }
    escaped
}

/// The inline Markdown that paragraphs may hold; a mark without its partner is text.
fn inline(text: &str) -> String {
    let mut html = String::new();
    let mut rest = text;
    while let Some(position) = rest.find(['`', '*', '[']) {
        html += &escape(&rest[..position]);
        rest = &rest[position..];
        let marked = marked(rest, "`")
            .map(|(content, after)| (format!("<code>{}</code>", escape(content)), after));
        let marked = marked.or_else(|| {
            self::marked(rest, "**")
                .map(|(content, after)| (format!("<strong>{}</strong>", inline(content)), after))
        });
        let marked = marked.or_else(|| {
            self::marked(rest, "*")
                .map(|(content, after)| (format!("<em>{}</em>", inline(content)), after))
        });
        match marked.or_else(|| link(rest)) {
            Some((piece, after)) => {
                html += &piece;
                rest = after;
            }
            None => {
                let mark = rest.chars().next().map_or(0, char::len_utf8);
                html += &escape(&rest[..mark]);
                rest = &rest[mark..];
            }
        }
    }
    html + &escape(rest)
}

/// What stands between two of `mark` at the start of `text`, and what follows.
fn marked<'a>(text: &'a str, mark: &str) -> Option<(&'a str, &'a str)> {
    let (content, after) = text.strip_prefix(mark)?.split_once(mark)?;
    // `2 * 3 * 4` is no emphasis.
    let tight = !content.is_empty() && !content.starts_with(' ') && !content.ends_with(' ');
    tight.then_some((content, after))
}

fn link(text: &str) -> Option<(String, &str)> {
    let (label, after) = text.strip_prefix('[')?.split_once("](")?;
    let (target, after) = after.split_once(')')?;
    // Anything but a web page or a place in this repository stays text.
    let known = target.starts_with("https://") || target.starts_with('#') || !target.contains(':');
    let plain = !label.contains(['[', ']']) && !target.contains(char::is_whitespace);
    (known && plain).then(|| {
        (
            format!("<a href=\"{}\">{}</a>", escape(target), inline(label)),
            after,
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_the_data_becomes_markup() {
        let evil = "<script>alert(\"1\")</script>&";
        let section = Section::new(evil)
            .with_heading(evil)
            .with_paragraph(evil)
            .with_table(Table::new(evil, &[evil], 1).with_row([evil]))
            .with_details(evil, "toml", evil);
        let page = page(evil, &[section], &[]);
        assert!(
            !page.contains("<script") && page.matches("&lt;script&gt;").count() >= 9,
            "{page}"
        );
        assert_eq!(escape("\u{1b}[31m'"), "\u{fffd}[31m&#39;");
    }

    #[test]
    fn inline_markdown_is_rendered_and_half_marks_are_text() {
        assert_eq!(
            inline("a `x < y` **b** *c*"),
            "a <code>x &lt; y</code> <strong>b</strong> <em>c</em>"
        );
        assert_eq!(inline("2 * 3 * 4 [0, 1] `open"), "2 * 3 * 4 [0, 1] `open");
        assert_eq!(
            inline("[paper](https://arxiv.org/abs/1)"),
            "<a href=\"https://arxiv.org/abs/1\">paper</a>"
        );
        assert_eq!(inline("[x](javascript:alert)"), "[x](javascript:alert)");
    }

    #[test]
    fn ranges_step_back_in_figure_columns_only() {
        assert_eq!(
            cell_text("0.1 [0.0, 0.2]", true),
            "0.1 <span class=\"range\">[0.0, 0.2]</span>"
        );
        assert_eq!(cell_text("a [b]", false), "a [b]");
    }
}
