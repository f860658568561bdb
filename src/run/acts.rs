//! Handles the console's requests about actions. Facts and previews are read in a session of their own. A plan runs in a task, so that
//! requests are also answered while the plan runs.

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;

use crate::actions::act::Facts;
use crate::actions::action::{Action, Does};
use crate::actions::execute;
use crate::actions::execute::{Actor, ApprovedPlan, Order, Progress};
use crate::actions::{preview, rollback};
use crate::app::{Msg, ask};
use crate::connect;
use crate::model::setup::amend::Amendment;
use crate::model::target::Target;
use crate::run::{policies, snapshot};
use crate::server::exact::Exact;
use crate::server::session::{Session, still_reads};

pub(super) async fn serve(
    actor: Actor,
    mut requests: UnboundedReceiver<ask::Act>,
    answers: UnboundedSender<Msg>,
) {
    let mut session: Option<Session> = None;
    let (orders, order) = watch::channel(Order::Go);
    while let Some(ask) = requests.recv().await {
        let msg = match ask {
            ask::Act::Order(wanted) => {
                // Sending cannot fail, because this function keeps a receiver.
                let _ = orders.send(wanted);
                continue;
            }
            ask::Act::Do(approved) => {
                let _ = orders.send(Order::Go);
                // The next preview opens a new session, because the host name may lead to another server by then.
                let session = session.take();
                tokio::spawn(carry_out(
                    actor.clone(),
                    session,
                    approved,
                    order.clone(),
                    answers.clone(),
                ));
                continue;
            }
            ask::Act::Facts {
                asked,
                action,
                targets,
            } => {
                let result = facts(&actor, &mut session, action, &targets).await;
                let result = result.map_err(words);
                Msg::Facts { asked, result }
            }
            ask::Act::Look { asked, approved } => look(&actor, &mut session, asked, approved).await,
            ask::Act::Rollback { asked, ids } => {
                let result = back(&actor, &mut session, &ids).await;
                let result = Box::new(result.map_err(words));
                Msg::Planned { asked, result }
            }
            ask::Act::Object { asked, object } => {
                let result = towards(&actor, &mut session, &object).await;
                let result = Box::new(result.map_err(words));
                Msg::Planned { asked, result }
            }
            ask::Act::Amend { asked, object } => {
                let result = amend(&actor, &mut session, &object).await;
                let result = Box::new(result.map_err(words));
                Msg::Amended { asked, result }
            }
            ask::Act::Write { asked, amendment } => {
                let result = write(&amendment).map_err(words);
                Msg::Written { asked, result }
            }
        };
        if answers.send(msg).is_err() {
            return;
        }
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "it is an argument of map_err"
)]
fn words(error: anyhow::Error) -> String {
    format!("{error:#}")
}

/// Writes a change into the policy file. Returns a message for the user.
fn write(amendment: &Amendment) -> anyhow::Result<String> {
    policies::amend::write(amendment)?;
    let path = amendment.path.display();
    Ok(format!("written: {} in {path}", amendment.object))
}

async fn open<'a>(actor: &Actor, session: &'a mut Option<Session>) -> anyhow::Result<&'a Session> {
    let good = match session {
        Some(session) => {
            session.given_up.get().is_none() && still_reads(&session.connected.client).await
        }
        None => false,
    };
    if !good {
        let connected = connect::again(&actor.settings, actor.password.as_deref()).await?;
        let mut opened = Session::start(connected).await?;
        opened
            .server
            .policy_files
            .clone_from(&actor.server.policy_files);
        *session = Some(opened);
    }
    session
        .as_ref()
        .ok_or_else(|| anyhow::anyhow!("no connection"))
}

async fn facts(
    actor: &Actor,
    session: &mut Option<Session>,
    action: &'static Action,
    targets: &[Target],
) -> anyhow::Result<Vec<Facts>> {
    let Does::Plan(act) = &action.does else {
        anyhow::bail!("{} does not act on the database", action.name);
    };
    let session = open(actor, session).await?;
    let mut exact = Exact::new(&actor.settings, actor.password.clone());
    let mut all = Vec::new();
    for target in targets {
        all.push(preview::facts(session, &mut exact, act, target).await?);
    }
    Ok(all)
}

async fn look(
    actor: &Actor,
    session: &mut Option<Session>,
    asked: u64,
    approved: Box<ApprovedPlan>,
) -> Msg {
    match open(actor, session).await {
        Ok(session) => {
            let preview = preview::preview(session, approved.plan.clone()).await;
            Msg::Looked {
                asked,
                approved,
                preview: Box::new(preview),
            }
        }
        Err(error) => Msg::Facts {
            asked,
            result: Err(format!("{error:#}")),
        },
    }
}

async fn back(
    actor: &Actor,
    session: &mut Option<Session>,
    ids: &[u64],
) -> anyhow::Result<ApprovedPlan> {
    let session = open(actor, session).await?;
    let client = &session.connected.client;
    let entries = actor.journal.entries()?;
    let place = execute::place(&session.connected).await?;
    rollback::plan(actor, client, &entries, &place, ids).await
}

async fn towards(
    actor: &Actor,
    session: &mut Option<Session>,
    object: &str,
) -> anyhow::Result<ApprovedPlan> {
    let session = open(actor, session).await?;
    Box::pin(policies::object::plan(&actor.settings, session, object)).await
}

async fn amend(
    actor: &Actor,
    session: &mut Option<Session>,
    object: &str,
) -> anyhow::Result<Amendment> {
    let session = open(actor, session).await?;
    Box::pin(policies::amend::propose(&actor.settings, session, object)).await
}

async fn remember(
    actor: &Actor,
    session: &mut Option<Session>,
    approved: &mut ApprovedPlan,
) -> anyhow::Result<()> {
    let session = open(actor, session).await?;
    snapshot::keep(&actor.settings, session, approved).await
}

async fn carry_out(
    actor: Actor,
    mut session: Option<Session>,
    mut approved: Box<ApprovedPlan>,
    order: watch::Receiver<Order>,
    answers: UnboundedSender<Msg>,
) {
    let (reports, mut progress) = unbounded_channel();
    let forward = answers.clone();
    let forwarding = tokio::spawn(async move {
        while let Some(progress) = progress.recv().await {
            // The plan continues even if the console has ended.
            let _ = forward.send(Msg::Progress(progress));
        }
    });
    if snapshot::is_wanted(&approved)
        && let Err(error) = remember(&actor, &mut session, &mut approved).await
    {
        // An error means that nobody receives the reports.
        let _ = reports.send(Progress::Notice(format!("{error:#}")));
    }
    drop(session);
    let result = actor.perform(&approved, &reports, order).await;
    drop(reports);
    // All progress reports are sent before the result.
    let _ = forwarding.await;
    let _ = answers.send(Msg::Reported(Box::new(result.map_err(words))));
}
