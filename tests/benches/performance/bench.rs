//! One run: what is measured is kept, told, and written at the end.

use std::{future::Future, time::Instant};

use segue_tests::performance::{Engine, Figure, Results, Round, Skipped, Subject, percentile};
use tonic::Status;

use crate::{
    callers::{self, Counted},
    echo::Echo,
    plan::Plan,
    system::Observed,
};

pub struct Bench {
    pub plan: &'static Plan,
    pub results: Results,
    echo: Echo,
    /// Of the present round.
    echoes_per_second: f64,
    begun: Instant,
    stage: String,
}

/// What is measured, and where.
#[derive(Debug, Clone)]
pub struct Case {
    pub subject: Subject,
    pub engine: Option<Engine>,
    pub replicas: usize,
    pub callers: usize,
}

impl Bench {
    pub fn new(plan: &'static Plan, is_quick: bool, echo: Echo) -> Self {
        let results =
            Results { is_quick, took_seconds: 0, machine: vec![], figures: vec![], skipped: vec![] };
        Self { plan, results, echo, echoes_per_second: 0.0, begun: Instant::now(), stage: String::new() }
    }

    /// Says what comes now.
    pub fn stage(&mut self, name: &str) {
        name.clone_into(&mut self.stage);
        self.tell("");
    }

    pub fn tell(&self, text: &str) {
        let seconds = self.begun.elapsed().as_secs();
        println!("{:>3}:{:02}  {}  {text}", seconds / 60, seconds % 60, self.stage);
    }

    pub fn skip(&mut self, what: &str, why: &str) {
        self.tell(&format!("{what} is left out: {why}"));
        let skipped = Skipped { what: what.to_owned(), why: why.to_owned() };
        if !self.results.skipped.contains(&skipped) {
            self.results.skipped.push(skipped);
        }
    }

    /// Begins a round: what comes is set beside these echoes.
    pub async fn echoes(&mut self) {
        let plan = self.plan;
        let (before, after, counted) = self.echo.measure(plan.callers, plan.times).await;
        let cpu = after - before;
        self.echoes_per_second = counted.per_second();
        let case = Case { subject: Subject::Echo, engine: None, replicas: 1, callers: plan.callers };
        let round = Round { cpu_ms: each(cpu * 1_000.0, counted.done()), ..Round::default() };
        self.record(case, round, &counted);
    }

    /// Measures what callers do again and again. Processes and databases are observed before and after.
    pub async fn measure<F>(
        &mut self,
        case: Case,
        observe: impl AsyncFn() -> Observed,
        work: impl Fn(usize) -> F + Clone + Send + 'static,
    ) where
        F: Future<Output = Result<(), Status>> + Send + 'static,
    {
        let (before, after, counted) = callers::measure(case.callers, self.plan.times, observe, work).await;
        self.keep(case, &before, &after, &counted);
    }

    /// Keeps what was counted between two observations.
    pub fn keep(&mut self, case: Case, before: &Observed, after: &Observed, counted: &Counted) {
        let is_handoff = case.subject == Subject::Handoff;
        // A handoff counts when it is over, which its caller is not told.
        let done = if is_handoff { after.switched - before.switched } else { counted.done() };
        let between = after.at.zip(before.at).map(|(after, before)| after - before);
        let time = if is_handoff { between.unwrap_or(counted.time) } else { counted.time };
        let mut round = Round {
            per_second: done / time.as_secs_f64(),
            cpu_ms: each((after.cpu_seconds - before.cpu_seconds) * 1_000.0, done),
            // Of a service that is measured alone nothing is counted.
            rpcs: each(after.rpcs - before.rpcs, done).filter(|rpcs| *rpcs > 0.0),
            ..Round::default()
        };
        if let (Some(before), Some(after)) = (before.statements, after.statements) {
            round.statements = each(after.all - before.all, done);
            round.commits = each(after.commits - before.commits, done);
            round.flushes = each(after.flushes - before.flushes, done);
        }
        self.record(case, round, counted);
    }

    /// Keeps what something else has measured.
    pub fn record(&mut self, case: Case, mut round: Round, counted: &Counted) {
        round.p50_ms = percentile(&counted.took, 0.5);
        round.p99_ms = percentile(&counted.took, 0.99);
        if round.per_second == 0.0 {
            round.per_second = counted.per_second();
        }
        self.record_round(case, round);
    }

    pub fn record_round(&mut self, case: Case, round: Round) {
        let Case { subject, engine, replicas, callers } = case;
        self.tell(&format!("{subject}, {callers} at a time: {:.0}/s", round.per_second));
        let round = Round { echoes_per_second: self.echoes_per_second, ..round };
        let same = |figure: &&mut Figure| {
            figure.subject == subject
                && figure.engine == engine
                && figure.replicas == replicas
                && figure.callers == callers
        };
        match self.results.figures.iter_mut().find(same) {
            Some(figure) => figure.rounds.push(round),
            None => {
                self.results.figures.push(Figure { subject, engine, replicas, callers, rounds: vec![round] })
            }
        }
    }

    pub fn finish(mut self) -> Results {
        self.results.took_seconds = self.begun.elapsed().as_secs();
        self.results
    }
}

fn each(all: f64, done: f64) -> Option<f64> {
    (done > 0.0).then(|| all / done)
}
