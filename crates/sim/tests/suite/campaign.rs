use segue_sim::campaign::campaign;

/// As many as fit into a build without optimisation; `cargo xtask test` runs thousands by the program itself.
const SEEDS: u64 = 25;

#[test]
fn no_seed_finds_anything() {
    let seeds = std::env::var("SIM_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(SEEDS);
    let totals = campaign(
        1..=seeds,
        false,
        |_| {},
        |_, hanging| {
            eprintln!("seeds {hanging:?} do not end");
            std::process::exit(1);
        },
    );
    assert!(totals.failed.is_empty(), "{:#?}\n{}", totals.failed, totals.line());
    assert!(totals.handoffs > 0 && totals.faults > 0, "{}", totals.line());
}
