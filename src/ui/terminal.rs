//! The terminal: raw mode and alternate screen, restored even after a panic. Each frame is one write.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crossterm::event::{
    DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture, KeyCode,
    KeyEvent, KeyModifiers,
};
use crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
    disable_raw_mode, enable_raw_mode,
};
use crossterm::{cursor, execute, queue};
use ratatui::backend::{Backend, ClearType, CrosstermBackend, WindowSize};
use ratatui::layout::{Position, Size};
use ratatui::{Terminal, buffer};
use terminal_colorsaurus::QueryOptions;

use crate::app::App;
use crate::app::theme::Background;
use crate::ui;

/// Whether the console has set up the terminal, for the panic hook.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Collects a frame, and writes it in one piece when flushed.
#[derive(Debug)]
struct OneWrite {
    out: File,
    frame: Vec<u8>,
}

impl Write for OneWrite {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.frame.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = self.out.write_all(&self.frame);
        self.frame.clear();
        result
    }
}

/// crossterm's backend without the query for the cursor's position. A full-screen program does not need the position, and a terminal that
/// does not answer the query would delay the first frame.
#[derive(Debug)]
struct Quiet {
    out: CrosstermBackend<OneWrite>,
    /// The last plausible size.
    size: Cell<Size>,
}

/// Largest plausible size: number of columns or lines, and number of cells. A larger size is ignored. It may come from a broken terminal,
/// or be an attack on memory.
const MOST: (u16, u32) = (10_000, 1_000_000);

fn is_a_size(size: Size) -> bool {
    size.width <= MOST.0 && size.height <= MOST.0 && size.area() <= MOST.1
}

impl Backend for Quiet {
    type Error = io::Error;

    /// Writes the changed cells as one synchronized update, or nothing if no cell changed.
    fn draw<'a, I: Iterator<Item = (u16, u16, &'a buffer::Cell)>>(
        &mut self,
        content: I,
    ) -> io::Result<()> {
        let mut content = content.peekable();
        if content.peek().is_none() {
            return Ok(());
        }
        queue!(self.out, BeginSynchronizedUpdate)?;
        self.out.draw(content)?;
        queue!(self.out, EndSynchronizedUpdate)
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        self.out.hide_cursor()
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        self.out.show_cursor()
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        Ok(Position::ORIGIN)
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        self.out.set_cursor_position(position)
    }

    fn clear(&mut self) -> io::Result<()> {
        self.out.clear()
    }

    fn clear_region(&mut self, region: ClearType) -> io::Result<()> {
        self.out.clear_region(region)
    }

    fn size(&self) -> io::Result<Size> {
        let size = self.out.size()?;
        if is_a_size(size) {
            self.size.set(size);
        }
        Ok(self.size.get())
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        self.out.window_size()
    }

    fn flush(&mut self) -> io::Result<()> {
        Backend::flush(&mut self.out)
    }
}

impl Write for Quiet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Write::flush(&mut self.out)
    }
}

/// The terminal while the console uses it. Dropping it restores the terminal.
#[derive(Debug)]
pub(crate) struct Screen {
    terminal: Terminal<Quiet>,
    mouse: bool,
}

pub fn is_there() -> bool {
    io::stdout().is_terminal() && io::stdin().is_terminal()
}

/// An error if this terminal cannot show the console.
pub(crate) fn check() -> Result<()> {
    if std::env::var("TERM").is_ok_and(|term| term == "dumb") {
        bail!(
            "TERM=dumb: this terminal cannot show a console; `hypertop show SCREEN` prints the same as text"
        );
    }
    Ok(())
}

/// The background colour, if the terminal reports it within a second (OSC 11); `None`: no report. Called before [`Screen::take`], because
/// the answer arrives as input.
pub(crate) fn background() -> Option<Background> {
    let color = terminal_colorsaurus::background_color(QueryOptions::default()).ok()?;
    Some(if color.perceived_lightness() > 0.5 {
        Background::Light
    } else {
        Background::Dark
    })
}

impl Screen {
    pub(crate) fn take(mouse: bool) -> Result<Self> {
        check()?;
        let out = File::from(
            io::stdout()
                .as_fd()
                .try_clone_to_owned()
                .context("standard output")?,
        );
        let writer = OneWrite {
            out,
            frame: Vec::with_capacity(1 << 16),
        };
        let mut screen = Self {
            terminal: Terminal::new(Quiet {
                out: CrosstermBackend::new(writer),
                size: Cell::new(Size::new(80, 24)),
            })?,
            mouse,
        };
        screen.enter()?;
        Ok(screen)
    }

    fn enter(&mut self) -> Result<()> {
        enable_raw_mode().context("the terminal refuses raw mode")?;
        TAKEN.store(true, Ordering::SeqCst);
        let out = self.terminal.backend_mut();
        execute!(
            out,
            EnterAlternateScreen,
            EnableBracketedPaste,
            cursor::Hide
        )?;
        if self.mouse {
            execute!(out, EnableMouseCapture)?;
        }
        self.redraw();
        Ok(())
    }

    /// Makes the next frame write every cell.
    pub(crate) fn redraw(&mut self) {
        // An error of the terminal is reported by the next write.
        let _ = self.terminal.clear();
    }

    pub(crate) fn draw(&mut self, app: &mut App) -> Result<()> {
        self.terminal.autoresize()?;
        ui::draw(&mut self.terminal.get_frame(), app);
        self.terminal.flush()?;
        self.terminal.swap_buffers();
        Backend::flush(self.terminal.backend_mut())?;
        Ok(())
    }

    /// Sets the terminal up again after SIGCONT, because the shell has restored it.
    pub(crate) fn take_again(&mut self) -> Result<()> {
        restore();
        self.enter()
    }

    /// Restores the terminal and stops this process until the shell's `fg`.
    pub(crate) fn suspend(&mut self) -> Result<()> {
        restore();
        nix::sys::signal::raise(nix::sys::signal::Signal::SIGTSTP)?;
        self.enter()
    }

    /// Copies text to the clipboard of the user's machine, by way of the terminal (OSC 52).
    pub(crate) fn copy(&mut self, text: &str, tmux: bool) -> Result<()> {
        let out = self.terminal.backend_mut();
        out.write_all(osc52(text, tmux).as_bytes())?;
        Write::flush(out)?;
        Ok(())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

/// Maximum length of copied text, in bytes: terminals ignore longer sequences.
const CLIPBOARD_BYTES: usize = 74_000;

/// Escape sequence that sets the clipboard. Inside tmux it is wrapped, so that it reaches the outer terminal.
fn osc52(text: &str, tmux: bool) -> String {
    let mut end = text.len().min(CLIPBOARD_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let sequence = format!("\x1b]52;c;{}\x07", STANDARD.encode(&text[..end]));
    if tmux {
        format!("\x1bPtmux;{}\x1b\\", sequence.replace('\x1b', "\x1b\x1b"))
    } else {
        sequence
    }
}

/// Restores the terminal. May be called at any time, and more than once.
pub fn restore() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        let mut out = io::stdout();
        let _ = execute!(
            out,
            DisableMouseCapture,
            DisableBracketedPaste,
            LeaveAlternateScreen,
            cursor::Show
        );
        let _ = disable_raw_mode();
    }
}

/// Makes a panic restore the terminal before its message is printed.
pub fn restore_on_panic() {
    let speak = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        restore();
        speak(panic);
    }));
}

/// A key as text: `j`, `G`, `ctrl-k`, `shift-tab`, `pgdn`, `space`; `None`: an unsupported key.
pub fn key_text(key: KeyEvent) -> Option<String> {
    let name = match key.code {
        KeyCode::Char(' ') => "space".to_owned(),
        KeyCode::Char(c) => c.to_string(),
        KeyCode::Enter => "enter".to_owned(),
        KeyCode::Esc => "esc".to_owned(),
        KeyCode::Tab => "tab".to_owned(),
        KeyCode::BackTab => return Some("shift-tab".to_owned()),
        KeyCode::Backspace => "backspace".to_owned(),
        KeyCode::Delete => "delete".to_owned(),
        KeyCode::Up => "up".to_owned(),
        KeyCode::Down => "down".to_owned(),
        KeyCode::Left => "left".to_owned(),
        KeyCode::Right => "right".to_owned(),
        KeyCode::Home => "home".to_owned(),
        KeyCode::End => "end".to_owned(),
        KeyCode::PageUp => "pgup".to_owned(),
        KeyCode::PageDown => "pgdn".to_owned(),
        KeyCode::F(number) => format!("f{number}"),
        _ => return None,
    };
    Some(if key.modifiers.contains(KeyModifiers::CONTROL) {
        format!("ctrl-{}", name.to_lowercase())
    } else if key.modifiers.contains(KeyModifiers::ALT) {
        format!("alt-{name}")
    } else {
        name
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copied_text_is_wrapped_for_tmux() {
        assert_eq!(osc52("hi", false), "\x1b]52;c;aGk=\x07");
        assert_eq!(osc52("hi", true), "\x1bPtmux;\x1b\x1b]52;c;aGk=\x07\x1b\\");
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let sequence = osc52(&"ö".repeat(50_000), false);
        assert!(sequence.len() < 100_000);
    }
}
