//! The progress of a running plan.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use crate::actions::execute::Order;
use crate::app::dialog::Running;
use crate::app::theme::Theme;
use crate::model::moment::Stamp;
use crate::model::text;
use crate::model::text::printable;
use crate::ui::boxes::{small, window};

pub(in crate::ui) fn running(
    frame: &mut Frame,
    area: Rect,
    running: &Running,
    now: Stamp,
    protected: bool,
    theme: &Theme,
) {
    let area = small(area.centered(Constraint::Max(100), Constraint::Fill(1)), 10);
    let title = text::cut(
        &printable(&running.title),
        usize::from(area.width).saturating_sub(4),
    );
    let inner = window(frame, area, &title, protected, theme);
    let width = usize::from(inner.width);
    let cut = |text: &str, role: &str| {
        Line::styled(text::cut(&printable(text), width), theme.style(role))
    };
    let mut lines = vec![
        cut(&progress_text(running, now), "text"),
        Line::styled(bar(running.share(), width), theme.style("key")),
        cut(&running.label, "text"),
    ];
    if let Some((phase, share)) = &running.phase {
        let share = share.map_or_else(String::new, |share| format!(" {:.0} %", share * 100.0));
        lines.push(cut(&format!("{phase}{share}"), "muted"));
    }
    if let Some(why) = &running.waits {
        for piece in text::wrap(&printable(&format!("waits: {why}")), width)
            .into_iter()
            .take(2)
        {
            lines.push(Line::styled(piece, theme.style("level.warning")));
        }
    }
    if let Some(notice) = &running.notice {
        lines.push(cut(notice, "muted"));
    }
    let [body, foot] = Layout::vertical([Constraint::Fill(1), Constraint::Length(1)]).areas(inner);
    frame.render_widget(Paragraph::new(lines), body);
    let keys = match running.order {
        Order::Stop => "stopping on the server…",
        Order::Hold => "held after this step · Space goes on · c cancels · Esc hides",
        Order::Go if running.of > 1 => {
            "Space holds after this step · c cancels on the server · Esc hides"
        }
        Order::Go => "c cancels on the server · Esc hides this, the action continues",
    };
    frame.render_widget(
        Line::styled(text::cut(keys, width), theme.style("key")),
        foot,
    );
}

/// Text such as `step 3 of 10 · 4m 10s · about 9m left`.
pub(in crate::ui) fn progress_text(running: &Running, now: Stamp) -> String {
    let spent = text::duration(now.seconds_since(running.started).max(0.0).floor());
    let step = if running.of > 1 {
        format!("step {} of {} · ", running.number, running.of)
    } else {
        String::new()
    };
    let left = running.left(now).map_or_else(String::new, |left| {
        format!(" · about {} left", text::duration(left.round()))
    });
    let rate = rate(running, now);
    format!("{step}{spent}{rate}{left}")
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "the rate is only shown"
)]
fn rate(running: &Running, now: Stamp) -> String {
    let spent = now.seconds_since(running.started);
    if running.done == 0 || spent < 2.0 {
        return String::new();
    }
    format!(" · {}/s", text::bytes((running.done as f64 / spent) as i64))
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the number of cells of a bar is small"
)]
fn bar(share: f64, width: usize) -> String {
    let room = width.saturating_sub(7);
    let full = (share.clamp(0.0, 1.0) * room as f64).round() as usize;
    format!(
        "[{}{}] {:>3.0}%",
        "#".repeat(full),
        ".".repeat(room - full.min(room)),
        share.clamp(0.0, 1.0) * 100.0
    )
}
