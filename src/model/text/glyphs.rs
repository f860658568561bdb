//! ASCII replacements for the glyphs that the console draws, for terminals whose locale is not UTF-8.

/// Whether the locale is UTF-8, read as `setlocale` does: the first of `LC_ALL`, `LC_CTYPE` and `LANG` that is not empty.
pub(crate) fn is_utf8(var: impl Fn(&str) -> Option<String>) -> bool {
    let mut vars = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(var);
    let Some(locale) = vars.find(|locale| !locale.is_empty()) else {
        // No variable is set: the locale is C.
        return false;
    };
    let locale = locale.split('@').next().unwrap_or_default();
    let charset = locale.rsplit('.').next().unwrap_or_default();
    let letters = charset.chars().filter(|c| *c != '-');
    letters.collect::<String>().eq_ignore_ascii_case("utf8")
}

/// ASCII replacement of a glyph, of the same width; `None`: a letter, which is not replaced.
#[expect(clippy::match_same_arms, reason = "grouped by what they are")]
pub(crate) fn ascii(glyph: char) -> Option<char> {
    Some(match glyph {
        // The lowest step of a bar is not `_`, because `_` means zero there.
        '▁' | '▂' | '░' | '·' | '□' => '.',
        '▃' | '▄' | '▒' => ':',
        '▅' | '▏' | '▎' | '▍' | '–' | '—' => '-',
        '▆' | '▇' | '▓' | '▌' | '▋' | '▊' | '‖' => '=',
        '█' | '▉' | '■' => '#',
        '─' | '━' | '┄' | '┅' | '┈' | '┉' | '╌' | '╍' | '═' => '-',
        '│' | '┃' | '┆' | '┇' | '┊' | '┋' | '╎' | '╏' | '║' => '|',
        '\u{2500}'..='\u{257f}' => '+',
        '\u{2580}'..='\u{259f}' => '#',
        // A cut text ends in `>`, because a full stop would look like the end of a sentence.
        '…' => '>',
        '▲' | '△' | '▴' | '↑' => '^',
        '▼' | '▽' | '▾' | '↓' => 'v',
        '▶' | '▷' | '▸' | '►' | '→' | '≥' | '›' => '>',
        '◀' | '◁' | '◂' | '◄' | '←' | '≤' | '‹' => '<',
        '●' | '•' | '◆' => '*',
        '○' | '◇' => 'o',
        '×' | '✗' | '✘' => 'x',
        '✓' | '✔' => 'v',
        '≈' => '~',
        '‘' | '’' => '\'',
        '“' | '”' => '"',
        '\u{2400}'..='\u{2426}' => '?',
        '\u{2800}' | '\u{a0}' | '\u{2009}' | '\u{202f}' => ' ',
        '\u{2801}'..='\u{28ff}' => ':',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_locale_is_read_as_setlocale_reads_it() {
        let utf8 = |all: &str, ctype: &str, lang: &str| {
            is_utf8(|name| {
                let value = match name {
                    "LC_ALL" => all,
                    "LC_CTYPE" => ctype,
                    _ => lang,
                };
                (value != "unset").then(|| value.to_owned())
            })
        };
        for (all, ctype, lang, expected) in [
            ("unset", "unset", "unset", false),
            ("", "", "", false),
            ("unset", "unset", "C.UTF-8", true),
            ("", "", "de_DE.utf8", true),
            ("C", "en_US.UTF-8", "en_US.UTF-8", false),
            ("unset", "POSIX", "en_US.UTF-8", false),
            ("en_US.UTF-8", "C", "C", true),
            ("unset", "UTF-8", "unset", true),
            ("unset", "unset", "de_DE.ISO-8859-1", false),
            ("unset", "unset", "de_DE@euro", false),
            ("unset", "unset", "de_DE.UTF-8@euro", true),
        ] {
            assert_eq!(utf8(all, ctype, lang), expected, "{all} {ctype} {lang}");
        }
    }

    #[test]
    fn bars_rise_in_ascii_too_and_letters_stay() {
        let steps: String = "▁▂▃▄▅▆▇█".chars().filter_map(ascii).collect();
        assert_eq!(steps, "..::-==#");
        assert_eq!("░▒▓█".chars().filter_map(ascii).collect::<String>(), ".:=#");
        assert!("aÄ中_~".chars().all(|c| ascii(c).is_none()));
    }
}
