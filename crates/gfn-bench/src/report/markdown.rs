//! The report as Markdown, its plots as files beside it.

use super::section::{Block, DrawnPlot, Section, Table};

/// The whole page. `plots` are those of the sections, in order.
pub(super) fn page(suite: &str, sections: &[Section], plots: &[DrawnPlot]) -> String {
    let mut page = format!("# {}\n", escape(suite));
    let mut plots = plots.iter();
    for section in sections {
        page += &format!("\n## {}\n", escape(&section.title));
        for block in &section.blocks {
            page.push('\n');
            match block {
                Block::Heading(text) => page += &format!("### {}\n", escape(text)),
                Block::Paragraph(text) => page += &format!("{text}\n"),
                Block::Table(table) => page += &self::table(table),
                Block::Plot(_) => {
                    if let Some(plot) = plots.next() {
                        page += &format!("![{}](plots/{})\n", escape(&plot.title), plot.file_name);
                    }
                }
                Block::Details {
                    summary,
                    language,
                    text,
                } => page += &details(summary, language, text),
            }
        }
    }
    page
}

/// A table in GitHub's form; also used on its own.
pub(super) fn table(table: &Table) -> String {
    let mut text = String::new();
    if !table.caption.is_empty() {
        text += &format!("{}\n\n", escape(&table.caption));
    }
    let line = |cells: &[String]| {
        let cells: Vec<String> = cells
            .iter()
            .map(|cell| escape(cell).replace('|', "\\|"))
            .collect();
        format!("| {} |\n", cells.join(" | "))
    };
    text += &line(&table.header);
    let rule = |column| {
        if column < table.n_text_columns {
            "---"
        } else {
            "---:"
        }
    };
    let rules: Vec<&str> = (0..table.header.len()).map(rule).collect();
    text += &format!("| {} |\n", rules.join(" | "));
    for row in &table.rows {
        text += &line(row);
    }
    text
}

fn details(summary: &str, language: &str, text: &str) -> String {
    // A fence must be longer than any run of backticks that it holds.
    let longest = text
        .split(|character| character != '`')
        .map(str::len)
        .max()
        .unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    let summary = super::html::escape(summary);
    format!(
        "<details>\n<summary>{summary}</summary>\n\n{fence}{language}\n{text}\n{fence}\n\n</details>\n"
    )
}

/// Plain text for Markdown, on one line.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => escaped += "&lt;",
            '&' => escaped += "&amp;",
            '`' | '*' | '\\' => escaped.extend(['\\', character]),
            character if character.is_control() => escaped.push(' '),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_cannot_break_their_table() {
        let text = table(&Table::new("", &["|log Z|", "n"], 1).with_row(["a\nb <i>*x*", "1"]));
        assert_eq!(
            text,
            "| \\|log Z\\| | n |\n| --- | ---: |\n| a b &lt;i>\\*x\\* | 1 |\n"
        );
    }

    #[test]
    fn code_cannot_leave_its_fence() {
        assert!(
            details("a < b", "toml", "x = \"```\"").contains("\n````toml\nx = \"```\"\n````\n")
        );
        assert!(
            details("a < b", "toml", "x")
                .contains("<summary>a &lt; b</summary>\n\n```toml\nx\n```\n")
        );
    }

    #[test]
    fn a_page_holds_every_block_in_order() {
        let plot = crate::plot::LinePlot::new("P", "x", "y");
        let section = Section::new("S")
            .with_paragraph("*kept*")
            .with_heading("H")
            .with_plot(plot);
        let plots = crate::report::section::drawn(std::slice::from_ref(&section)).unwrap();
        assert_eq!(
            page("suite", &[section], &plots),
            "# suite\n\n## S\n\n*kept*\n\n### H\n\n![P](plots/s-p.svg)\n"
        );
    }
}
