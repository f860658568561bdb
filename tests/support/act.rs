//! Runs actions in tests as the console does: an action by its name, its rollback, and the state by SQL.

use std::cell::RefCell;
use std::path::PathBuf;

use hypertop::actions::act::{Act, Context, Facts};
use hypertop::actions::action::{Action, Does};
use hypertop::actions::catalogue;
use hypertop::actions::execute;
use hypertop::actions::execute::{Actor, ApprovedPlan, Order, Report};
use hypertop::actions::form::Form;
use hypertop::actions::plans;
use hypertop::actions::{preview, rollback};
use hypertop::journal::{Journal, Seen};
use hypertop::model::moment::Stamp;
use hypertop::model::plan::Plan;
use hypertop::model::target::Target;
use hypertop::model::thresholds::Limits;
use hypertop::run;
use hypertop::server::exact::Exact;
use hypertop::server::known::At;
use hypertop::server::session::Session;
use tokio::sync::{mpsc, watch};

use super::{client, session, settings};

/// A database to act on, with a journal of its own.
pub struct Rig {
    pub name: String,
    pub conninfo: String,
    pub session: Session,
    pub actor: Actor,
    /// A read-write client without hypertop's settings.
    pub client: tokio_postgres::Client,
    /// The thresholds of the verdicts.
    pub limits: RefCell<Limits>,
    folder: tempfile::TempDir,
}

impl Rig {
    pub async fn new(target: &super::Target) -> Self {
        Self::on(&target.name, &target.conninfo).await
    }

    pub async fn on(name: &str, conninfo: &str) -> Self {
        let session = Box::pin(session(conninfo)).await;
        let folder = tempfile::tempdir().unwrap();
        let actor = Actor {
            settings: settings(conninfo),
            password: None,
            journal: Journal::new(folder.path().join("hypertop/journal.jsonl")),
            server: session.server.clone(),
            clock: run::now,
        };
        Self {
            name: name.to_owned(),
            conninfo: conninfo.to_owned(),
            session,
            actor,
            client: client(conninfo).await,
            limits: RefCell::default(),
            folder,
        }
    }

    /// Changes thresholds, as config.toml would.
    pub fn limit(&self, change: impl FnOnce(&mut Limits)) {
        change(&mut self.limits.borrow_mut());
    }

    pub fn journal(&self) -> PathBuf {
        self.actor.journal.path().to_owned()
    }

    /// `XDG_STATE_HOME` for a program that shares this journal.
    pub fn state_home(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// The form of an action with its defaults. The error is the refusal.
    pub async fn form(&self, name: &str, target: &str) -> Result<Form, String> {
        let (_, act, target, facts, now) = Box::pin(self.asked(name, target)).await?;
        let at = At {
            now,
            server: &self.session.server,
        };
        let context = Context {
            at,
            target: &target,
            facts: &facts,
        };
        act.form(&context).map_err(|refusal| refusal.to_string())
    }

    /// The action, its target, its facts, and the time.
    async fn asked(
        &self,
        name: &str,
        target: &str,
    ) -> Result<(&'static Action, &'static Act, Target, Facts, Stamp), String> {
        let action = catalogue::by_name(name).unwrap_or_else(|| panic!("no action {name}"));
        let Does::Plan(act) = &action.does else {
            panic!("{name} changes the console only")
        };
        let told = |error: anyhow::Error| format!("{error:#}");
        let target = preview::resolve(&self.session, action, target)
            .await
            .map_err(told)?;
        let mut exact = Exact::new(&self.actor.settings, None);
        let facts = preview::facts(&self.session, &mut exact, act, &target)
            .await
            .map_err(told)?;
        let (now, _) = self
            .session
            .pulse(hypertop::model::screen_id::ScreenId::ALL[0])
            .await
            .map_err(told)?;
        Ok((action, act, target, facts, now))
    }

    /// The plan of an action. The error is the refusal.
    pub async fn plan(
        &self,
        name: &str,
        target: &str,
        set: &[(&str, &str)],
    ) -> Result<ApprovedPlan, String> {
        let (action, act, target, facts, now) = Box::pin(self.asked(name, target)).await?;
        let at = At {
            now,
            server: &self.session.server,
        };
        let context = Context {
            at,
            target: &target,
            facts: &facts,
        };
        let mut form = act.form(&context).map_err(|refusal| refusal.to_string())?;
        for (key, value) in set {
            form.set(key, value)?;
        }
        let inputs = form.inputs().map_err(|wrong| format!("{wrong:?}"))?;
        let plan = plans::make(action.name, act, &context, &inputs)
            .map_err(|refusal| refusal.to_string())?;
        let seen = vec![Seen {
            action: name.to_owned(),
            target,
            state: facts.state,
        }];
        Ok(ApprovedPlan {
            plan,
            seen,
            inputs: inputs.summary(),
            undoes: Vec::new(),
            restores: Vec::new(),
            place: facts.place,
            snapshot: None,
        })
    }

    /// Runs an approved plan.
    pub async fn perform(&self, approved: &ApprovedPlan) -> Result<Report, String> {
        let (told, _progress) = mpsc::unbounded_channel();
        let (_orders, order) = watch::channel(Order::Go);
        Box::pin(self.actor.perform(approved, &told, order))
            .await
            .map_err(|error| format!("{error:#}"))
    }

    /// Makes and runs a plan, which must succeed.
    pub async fn act(&self, name: &str, target: &str, set: &[(&str, &str)]) -> Report {
        let approved = self
            .plan(name, target, set)
            .await
            .unwrap_or_else(|why| panic!("{}: {name} {target}: {why}", self.name));
        let report = self
            .perform(&approved)
            .await
            .unwrap_or_else(|why| panic!("{}: {name} {target}: {why}", self.name));
        assert_eq!(report.problems, [], "{}: {name} {target}", self.name);
        report
    }

    pub async fn rollback_plan(&self, ids: &[u64]) -> Result<ApprovedPlan, String> {
        let told = |error: anyhow::Error| format!("{error:#}");
        let client = &self.session.connected.client;
        let entries = self.actor.journal.entries().map_err(told)?;
        let place = execute::place(&self.session.connected)
            .await
            .map_err(told)?;
        Box::pin(rollback::plan(&self.actor, client, &entries, &place, ids))
            .await
            .map_err(told)
    }

    /// Rolls back, which must succeed and restore the state.
    pub async fn rollback(&self, ids: &[u64]) -> Report {
        let approved = self
            .rollback_plan(ids)
            .await
            .unwrap_or_else(|why| panic!("{}: rollback {ids:?}: {why}", self.name));
        let report = self
            .perform(&approved)
            .await
            .unwrap_or_else(|why| panic!("{}: rollback {ids:?}: {why}", self.name));
        assert_eq!(report.problems, [], "{}: rollback of {ids:?}", self.name);
        assert_eq!(report.differs, [], "{}: rollback of {ids:?}", self.name);
        report
    }

    /// Runs an action and rolls it back. Checks with this SQL (one text) that the action changed something and the
    /// rollback restored it.
    pub async fn there_and_back(&self, name: &str, target: &str, set: &[(&str, &str)], sql: &str) {
        let before = self.text(sql).await;
        let report = self.act(name, target, set).await;
        let after = self.text(sql).await;
        assert_ne!(
            before, after,
            "{}: {name} {target} changed nothing",
            self.name
        );
        self.rollback(&[report.id]).await;
        assert_eq!(
            self.text(sql).await,
            before,
            "{}: {name} {target} was not undone",
            self.name
        );
    }

    /// The first column of the first row as text. Empty: NULL, or no row.
    pub async fn text(&self, sql: &str) -> String {
        self.texts(sql).await.into_iter().next().unwrap_or_default()
    }

    /// The first column of each row as text. Empty: NULL.
    pub async fn texts(&self, sql: &str) -> Vec<String> {
        let rows = self
            .client
            .simple_query(sql)
            .await
            .unwrap_or_else(|error| panic!("{}: {sql}: {error:?}", self.name));
        let first = |row: &tokio_postgres::SimpleQueryMessage| match row {
            tokio_postgres::SimpleQueryMessage::Row(row) => {
                Some(row.get(0).unwrap_or_default().to_owned())
            }
            _ => None,
        };
        rows.iter().filter_map(first).collect()
    }

    pub async fn sql(&self, sql: &str) {
        self.client
            .batch_execute(sql)
            .await
            .unwrap_or_else(|error| panic!("{}: {sql}: {error:?}", self.name));
    }
}

/// The plan's statements as one text.
pub fn script(plan: &Plan) -> String {
    plan.script().join("\n")
}
