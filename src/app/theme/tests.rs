use super::*;

#[test]
fn every_built_in_theme_reads_and_names_every_level() {
    let (themes, wrong) = all(None);
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(themes.len(), BUILT_IN.len());
    let named: Vec<_> = themes.iter().map(|theme| theme.name.as_str()).collect();
    assert_eq!(named, ["default", "dark", "light", "high-contrast", "mono"]);
}

#[test]
fn mono_has_no_colour_at_all() {
    let (themes, _) = all(None);
    let mono = themes.iter().find(|theme| theme.name == "mono").unwrap();
    for role in ROLES {
        assert_eq!(
            (mono.style(role).fg, mono.style(role).bg),
            (None, None),
            "{role}"
        );
    }
}

/// Relative luminance as defined by the Web Content Accessibility Guidelines.
fn luminance(color: Color) -> f64 {
    let (red, green, blue) = match color {
        Color::Rgb(red, green, blue) => (red, green, blue),
        // The colours 16 to 255 are fixed; terminals let users change only the first 16.
        Color::Indexed(nth @ 16..=231) => {
            let part = |nth: u8| if nth == 0 { 0 } else { 55 + 40 * nth };
            let nth = nth - 16;
            (part(nth / 36), part(nth / 6 % 6), part(nth % 6))
        }
        Color::Indexed(nth @ 232..) => {
            let grey = 8 + 10 * (nth - 232);
            (grey, grey, grey)
        }
        other => panic!("{other:?} has no fixed luminance"),
    };
    let linear = |part: u8| match f64::from(part) / 255.0 {
        part if part <= 0.040_45 => part / 12.92,
        part => ((part + 0.055) / 1.055).powf(2.4),
    };
    0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
}

fn contrast(one: Color, other: Color) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

/// No colour has a contrast above 4.6 on both black and white. The contrast of the terminal's default text colour is
/// unknown.
#[test]
fn the_default_theme_can_be_read_on_black_and_on_white() {
    let (themes, _) = all(None);
    let [black, white] = [Color::Rgb(0, 0, 0), Color::Rgb(255, 255, 255)];
    let adapted = |background| {
        let mut theme = themes[0].clone();
        theme.adapt(background);
        theme
    };
    let worlds = [
        (themes[0].clone(), vec![black, white], 4.4),
        (adapted(Background::Dark), vec![black], 4.5),
        (adapted(Background::Light), vec![white], 4.5),
    ];
    for (theme, papers, least) in worlds {
        for role in ROLES {
            let style = theme.style(role);
            let Some(ink) = style.fg else { continue };
            for paper in style.bg.map_or(papers.clone(), |ground| vec![ground]) {
                let contrast = contrast(ink, paper);
                assert!(contrast >= least, "{role} on {paper}: {contrast:.2}");
            }
        }
    }
}

#[test]
fn every_role_can_be_read_on_its_background_and_on_the_selected_row() {
    let (themes, _) = all(None);
    for name in ["dark", "light", "high-contrast"] {
        let theme = themes.iter().find(|theme| theme.name == name).unwrap();
        let selected = theme.style("row.selected").bg.unwrap();
        let paper = theme.style("text").bg.unwrap();
        for role in ROLES {
            let style = theme.style(role);
            let grounds = style.bg.filter(|ground| *ground != paper);
            for ground in grounds.map_or(vec![paper, selected], |ground| vec![ground]) {
                let contrast = contrast(style.fg.unwrap(), ground);
                assert!(contrast >= 4.5, "{name}: {role} on {ground}: {contrast:.2}");
            }
        }
    }
}

#[test]
fn a_role_falls_back_by_its_dots() {
    let (themes, _) = all(None);
    assert_eq!(
        themes[0].look_up("column.nonsense"),
        themes[0].style("column")
    );
    assert_eq!(themes[0].look_up("nonsense"), themes[0].style("text"));
}

#[test]
fn a_child_changes_the_colours_of_its_parent_by_the_palette_alone() {
    let (themes, _) = all(None);
    let named = |name: &str| themes.iter().find(|theme| theme.name == name).unwrap();
    assert_eq!(
        named("light").style("text").bg,
        Some(Color::Rgb(0xfa, 0xfa, 0xfa))
    );
    assert_ne!(
        named("light").style("level.warning").fg,
        named("dark").style("level.warning").fg
    );
}

#[test]
fn a_broken_theme_names_its_line_and_the_others_serve() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write(
        "a.toml",
        "name = \"a\"\n[roles]\n\"text\" = { fg = \"mauvish\" }\n",
    );
    write("b.toml", "[roles\n");
    write("c.toml", "[roles]\n\"row.chosen\" = {}\n");
    write("d.toml", "inherits = \"nowhere\"\n");
    write("good.toml", "inherits = \"dark\"\n");
    let (themes, wrong) = all(Some(folder.path()));
    assert!(themes.iter().any(|theme| theme.name == "good"));
    let errors = wrong.join("\n");
    for words in [
        "mauvish",
        "b.toml",
        "line 1",
        "line 2",
        "row.chosen",
        "nowhere",
    ] {
        assert!(errors.contains(words), "{words} in {errors}");
    }
}

#[test]
fn with_high_contrast_what_is_done_and_what_waits_differ_in_a_strip() {
    let (themes, _) = all(None);
    let theme = themes.iter().find(|theme| theme.name == "high-contrast");
    let theme = theme.expect("a built-in theme");
    assert_ne!(theme.style("level.ok").fg, theme.style("muted").fg);
    assert_ne!(theme.style("level.ok").fg, theme.style("text").fg);
}
