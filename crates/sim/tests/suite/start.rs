use segue_sim::{
    clock::on_this_thread,
    world::{Contents, Kind, World},
};
use segue_store::MigrationStep;

#[test]
#[should_panic(expected = "all services start")]
fn a_service_that_never_starts_ends_the_simulation() {
    on_this_thread(async {
        // Without its tables.
        let world = World::new(1, &[(Kind::Selector, 1)], &Contents::new());
        tokio::spawn(world.services[0].clone().run(world.clone(), MigrationStep::Expect));
        world.all_up().await;
    });
}
