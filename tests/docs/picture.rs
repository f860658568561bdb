//! The README's picture: the Overview of a recording of the demo, as SVG.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use hypertop::app::tape::Replay;
use hypertop::app::{App, theme};
use hypertop::model::screen_id::ScreenId;
use hypertop::ui;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};

const SIZE: (u16, u16) = (120, 34);
/// Width and height of a cell, in pixels.
const CELL: (f64, f64) = (8.4, 18.0);
const TEXT: &str = "#d0d0d0";
const GROUND: &str = "#16181d";

pub fn svg(recording: &Path) -> String {
    let recording = Replay::open(recording).unwrap();
    let mut themes = theme::all(None).0;
    themes.retain(|theme| theme.name == "dark");
    let mut app = App::new(recording.now(), themes, Duration::from_secs(2));
    app.screen = ScreenId::Overview;
    app.replay(recording);
    let mut terminal = Terminal::new(TestBackend::new(SIZE.0, SIZE.1)).unwrap();
    terminal.draw(|frame| ui::draw(frame, &mut app)).unwrap();
    drawn(terminal.backend().buffer())
}

fn drawn(buffer: &Buffer) -> String {
    let (width, height) = (f64::from(SIZE.0) * CELL.0, f64::from(SIZE.1) * CELL.1);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" font-family=\"DejaVu Sans Mono, Menlo, Consolas, monospace\" font-size=\"14\" xml:space=\"preserve\">\n<rect width=\"100%\" height=\"100%\" fill=\"{GROUND}\"/>\n"
    );
    for y in 0..SIZE.1 {
        let mut x = 0;
        while x < SIZE.0 {
            let look = look(&buffer[(x, y)]);
            let end = (x..SIZE.0).find(|at| self::look(&buffer[(*at, y)]) != look);
            let end = end.unwrap_or(SIZE.0);
            let text: String = (x..end).map(|at| buffer[(at, y)].symbol()).collect();
            run(&mut svg, (x, y), end - x, &look, &text);
            x = end;
        }
    }
    svg + "</svg>\n"
}

/// Colours of text and ground, and whether the text is bold.
fn look(cell: &Cell) -> (String, String, bool) {
    let (mut text, mut ground) = (colour(cell.fg, TEXT), colour(cell.bg, GROUND));
    if cell.modifier.contains(Modifier::REVERSED) {
        std::mem::swap(&mut text, &mut ground);
    }
    (text, ground, cell.modifier.contains(Modifier::BOLD))
}

/// Cells of one look, with their text.
fn run(svg: &mut String, at: (u16, u16), cells: u16, look: &(String, String, bool), text: &str) {
    let (x, y) = (f64::from(at.0) * CELL.0, f64::from(at.1) * CELL.1);
    let width = f64::from(cells) * CELL.0;
    let (ink, ground, bold) = look;
    if ground != GROUND {
        let height = CELL.1;
        let _ = writeln!(
            svg,
            "<rect x=\"{x:.1}\" y=\"{y:.0}\" width=\"{width:.1}\" height=\"{height}\" fill=\"{ground}\"/>"
        );
    }
    if text.trim().is_empty() {
        return;
    }
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    let weight = if *bold { " font-weight=\"bold\"" } else { "" };
    let base = y + 13.5;
    let _ = writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{base}\" textLength=\"{width:.1}\" lengthAdjust=\"spacingAndGlyphs\" fill=\"{ink}\"{weight}>{text}</text>"
    );
}

fn colour(colour: Color, default: &str) -> String {
    let sixteen = [
        "#000000", "#cc4b4b", "#5fa75f", "#c8a040", "#5f87c8", "#a070b8", "#4ba8a8", "#c0c0c0",
        "#707070", "#ff6b6b", "#80d080", "#f0d060", "#80a8f0", "#c890e0", "#70d0d0", "#ffffff",
    ];
    match colour {
        Color::Reset => default.to_owned(),
        Color::Rgb(r, g, b) => format!("#{r:02x}{g:02x}{b:02x}"),
        Color::Indexed(n) if n < 16 => sixteen[usize::from(n)].to_owned(),
        Color::Indexed(n) if n >= 232 => {
            let grey = 8 + 10 * (u16::from(n) - 232);
            format!("#{grey:02x}{grey:02x}{grey:02x}")
        }
        Color::Indexed(n) => {
            let step = |n: u8| if n == 0 { 0 } else { 55 + 40 * u16::from(n) };
            let n = n - 16;
            let (r, g, b) = (step(n / 36), step(n / 6 % 6), step(n % 6));
            format!("#{r:02x}{g:02x}{b:02x}")
        }
        named => {
            let order = [
                Color::Black,
                Color::Red,
                Color::Green,
                Color::Yellow,
                Color::Blue,
                Color::Magenta,
                Color::Cyan,
                Color::Gray,
                Color::DarkGray,
                Color::LightRed,
                Color::LightGreen,
                Color::LightYellow,
                Color::LightBlue,
                Color::LightMagenta,
                Color::LightCyan,
                Color::White,
            ];
            let nth = order.iter().position(|one| *one == named).unwrap();
            sixteen[nth].to_owned()
        }
    }
}
