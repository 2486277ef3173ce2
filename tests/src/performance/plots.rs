//! The two plots of a run.

use super::{
    Engine, Results, Subject,
    svg::{Chart, Series},
};

/// The systems that are measured.
const SYSTEMS: [(Engine, usize); 3] = [(Engine::Sqlite, 1), (Engine::Postgres, 1), (Engine::Postgres, 3)];

/// Whole handoffs over callers.
pub fn throughput(results: &Results) -> Chart {
    let series = SYSTEMS.into_iter().map(|(engine, replicas)| {
        let of_system = results.figures.iter().filter(|figure| {
            figure.subject == Subject::Handoff && figure.engine == Some(engine) && figure.replicas == replicas
        });
        let points = of_system.map(|figure| (figure.callers, figure.per_second()));
        Series { name: named(engine, replicas), points: sorted(points) }
    });
    Chart {
        title: "Whole handoffs a second, over callers".to_owned(),
        description: "How many handoffs are submitted, accepted, created, redeemed and completed in a second, with more and more \
            callers at a time; one line for each engine and number of replicas."
            .to_owned(),
        x_label: "callers at a time".to_owned(),
        y_label: "whole handoffs a second".to_owned(),
        series: series.filter(|series| !series.points.is_empty()).collect(),
    }
}

/// What a contact costs, over the contacts that wait.
pub fn cost(results: &Results) -> Chart {
    let series = SYSTEMS.into_iter().map(|(engine, replicas)| {
        let points = results.figures.iter().filter_map(|figure| {
            let Subject::ContactInLine { waiting } = figure.subject else { return None };
            let is_of_system = figure.engine == Some(engine) && figure.replicas == replicas;
            is_of_system.then(|| (waiting, 1_000.0 / figure.per_second()))
        });
        Series { name: named(engine, replicas), points: sorted(points) }
    });
    Chart {
        title: "What a contact costs, over contacts that wait".to_owned(),
        description: "How many milliseconds of the whole system a contact takes from its submission to its completion, while more \
            and more others wait; one line for each engine. A flat line means that the length of the line does not matter."
            .to_owned(),
        x_label: "contacts waiting in line".to_owned(),
        y_label: "milliseconds a contact (1,000 / rate)".to_owned(),
        series: series.filter(|series| !series.points.is_empty()).collect(),
    }
}

fn named(engine: Engine, replicas: usize) -> String {
    let replica = if replicas == 1 { "replica" } else { "replicas" };
    format!("{}, {replicas} {replica}", engine.name())
}

fn sorted(points: impl Iterator<Item = (usize, f64)>) -> Vec<(usize, f64)> {
    let mut points: Vec<_> = points.collect();
    points.sort_by_key(|(column, _)| *column);
    points
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::performance::{results::example, svg::tests::is_well_formed};

    #[test]
    fn each_plot_has_the_points_of_its_figures() {
        let results = example();
        let throughput = throughput(&results);
        assert_eq!(throughput.series.len(), 1);
        assert_eq!(throughput.series[0].name, "PostgreSQL, 1 replica");
        assert_eq!(throughput.series[0].points, [(1, 50.0), (64, 250.0)]);
        let cost = cost(&results);
        assert_eq!(cost.series[0].points, [(0, 1.25), (1_000, 2.5)]);
        assert!(is_well_formed(&throughput.render()) && is_well_formed(&cost.render()));
    }
}
