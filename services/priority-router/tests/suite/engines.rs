use std::{future::Future, pin::Pin};

use priority_router::Rules;
use segue_testkit::{Databases, Storage};

use crate::{
    deletion, desks, expiry, handoffs, history, holds, lists, offers, order, ordinary, presence, refusals,
    repeats, sessions, sign_out, statistics, storm, streams, transfer_rules, transfers, withdrawals,
    world::World,
};

type Case = (&'static str, fn(World) -> Pin<Box<dyn Future<Output = ()> + Send>>);

macro_rules! cases {
    ($($module:ident::$name:ident,)*) => {
        &[$((concat!(stringify!($module), "::", stringify!($name)), |world| Box::pin($module::$name(world)))),*]
    };
}

const CASES: &[Case] = cases![
    ordinary::a_contact_lives,
    ordinary::the_line_moves_in_order,
    ordinary::classes_and_ageing,
    ordinary::capacity_is_never_exceeded,
    ordinary::the_longest_idle_agent_is_offered,
    ordinary::skills_and_platforms_decide,
    ordinary::skills_are_one_in_all_spellings,
    ordinary::a_declined_contact_keeps_its_place,
    ordinary::an_offer_times_out,
    ordinary::a_customer_goes,
    presence::signing_out_frees_offers_only,
    presence::an_agent_who_is_away_gets_nothing_new,
    presence::a_changed_agent_takes_what_it_can_now,
    presence::repeating_a_presence_keeps_the_idleness,
    holds::units_are_held_until_the_bound,
    holds::a_hold_counts_what_the_source_frees,
    holds::a_release_frees_the_hold,
    handoffs::the_same_agent_goes_on,
    handoffs::a_full_agent_is_waited_for_and_gets_nothing_else,
    handoffs::an_offer_makes_room,
    handoffs::after_the_wait_another_agent_takes_it,
    handoffs::a_handoff_for_the_same_agent_only_waits,
    handoffs::an_absent_agent_is_not_waited_for,
    handoffs::an_agent_who_left_the_platform_is_not_waited_for,
    handoffs::a_handoff_is_before_all_others,
    handoffs::an_overflowed_handoff_is_not_passed,
    handoffs::signing_out_lets_the_handoff_go,
    handoffs::a_waiting_customer_goes,
    offers::who_misses_offers_is_set_away,
    offers::an_answer_starts_the_count_anew,
    offers::units_stay_taken_while_the_agent_wraps_up,
    offers::of_the_named_agent_declined,
    offers::a_waiting_contact_says_what_it_waits_for,
    offers::signing_out_ends_what_is_held,
    offers::who_came_is_not_kept_out_by_who_may_come,
    order::a_changed_priority_counts_for_who_waits,
    order::classes_hold_across_queues,
    order::no_agent_is_stuck_with_an_offer,
    order::a_freed_agent_gets_the_oldest_at_once,
    order::two_contacts_are_never_made_one,
    order::chats_do_not_starve_a_call,
    order::a_call_that_goes_lets_its_agent_go,
    order::a_kept_agent_is_asked_again_when_the_line_moves,
    desks::a_desk_that_dies_is_signed_out_and_its_contacts_go_to_others,
    desks::a_desk_that_comes_back_in_time_has_lost_nothing,
    desks::a_desk_that_comes_back_too_late_signs_in_again,
    desks::a_desk_with_two_streams_needs_one,
    desks::an_agent_without_a_stream_is_trusted,
    desks::a_handoff_outlives_the_desk,
    desks::what_was_dealt_with_is_not_told_again,
    desks::a_desk_is_told_of_its_presence,
    desks::signing_out_does_not_keep_what_a_lost_desk_had,
    handoffs::a_handoff_that_comes_back_makes_room,
    statistics::lines_are_counted,
    statistics::a_contact_has_a_log,
    statistics::a_wait_is_estimated,
    repeats::every_write_is_done_once,
    repeats::the_newer_writes_are_done_once_too,
    repeats::a_repeated_answer_has_the_work_order_of_its_time,
    repeats::admission_and_release_are_done_once,
    repeats::a_late_record_stays_released,
    repeats::a_newer_code_replaces_the_older,
    repeats::a_code_is_drawn_again_after_its_handoff,
    lists::lists_go_page_by_page,
    lists::positions_count_the_line,
    lists::pages_of_large_rows_fit_into_a_message,
    history::what_is_over_is_forgotten_in_time,
    history::a_backlog_is_forgotten_bit_by_bit,
    streams::a_desk_goes_on_where_it_was,
    streams::a_desk_goes_on_at_another_replica,
    streams::a_desk_that_was_away_too_long_starts_again,
    streams::a_customer_sees_the_line_move,
    streams::streams_end_with_the_service,
    refusals::fields_of_agents_are_checked,
    refusals::fields_of_contacts_are_checked,
    refusals::fields_of_reads_are_checked,
    refusals::service_list_fields_are_checked,
    refusals::unknown_things_are_refused,
    refusals::wrong_states_and_agents_are_refused,
    refusals::codes_are_refused,
    refusals::foreign_tokens_are_refused,
    expiry::a_contact_expires_and_its_watcher_is_told,
    expiry::an_offer_that_expires_is_taken_back,
    expiry::the_time_begins_anew_when_an_agent_had_it,
    expiry::a_time_to_live_has_a_default_and_bounds,
    expiry::a_contact_that_nobody_could_take_says_so,
    sessions::a_session_has_one_open_contact,
    sessions::a_double_submission_at_two_replicas_is_one_contact,
    sessions::who_comes_back_in_a_new_session_keeps_the_agent,
    sessions::who_comes_back_while_waiting_keeps_the_place,
    sessions::what_can_not_be_rejoined_is_a_new_contact,
    sessions::handoffs_move_with_who_comes_back,
    sessions::a_code_entered_in_a_session_that_waits_makes_one_contact,
    sessions::a_code_entered_in_a_session_of_its_agent_changes_the_class_only,
    sessions::a_code_entered_in_a_session_of_another_agent_brings_it_to_its_own,
    withdrawals::an_offer_falls_with_the_skill,
    withdrawals::an_offer_falls_with_the_platform,
    withdrawals::an_offer_falls_when_its_agent_is_away,
    withdrawals::an_offer_that_fell_is_nobodys_until_somebody_can_take_it,
    withdrawals::what_an_agent_has_taken_stays_without_its_ground,
    withdrawals::less_capacity_takes_back_the_last_offers,
    withdrawals::at_most_three_offers_ring,
    withdrawals::by_setting_one_offer_rings,
    sign_out::contacts_go_on_at_once_if_that_is_chosen,
    sign_out::contacts_are_kept_for_the_grace_and_then_go_on,
    sign_out::who_signs_in_again_within_the_grace_has_its_contacts,
    sign_out::what_is_kept_may_be_let_go_of_later,
    sign_out::a_handoff_goes_on_with_its_class,
    sign_out::a_contact_of_its_own_agent_alone_waits_and_says_so,
    sign_out::only_who_signs_out_leaves_contacts,
    transfers::an_agent_gives_a_contact_to_another,
    transfers::who_is_asked_for_has_it_before_all_others,
    transfers::who_waits_for_a_transfer_gets_nothing_else,
    transfers::after_the_wait_others_are_asked,
    transfers::who_declines_a_transfer_leaves_it_to_others,
    transfers::a_contact_goes_to_other_skills,
    transfers::a_contact_goes_back_to_its_place,
    transfers::the_class_is_kept_or_changed,
    transfers::a_supervisor_transfers_any_open_contact,
    transfers::a_handoff_keeps_its_class_and_its_context,
    transfer_rules::fields_of_transfers_are_checked,
    transfer_rules::only_who_has_a_contact_gives_it_away,
    transfer_rules::an_agent_who_can_not_take_it_is_not_given_it,
    transfer_rules::the_class_of_a_handoff_is_not_changed,
    transfer_rules::a_transfer_is_done_once,
    deletion::an_agent_whom_nothing_needs_is_deleted,
    deletion::who_has_the_number_next_begins_anew_in_the_same_turn,
    deletion::who_has_the_number_next_is_told_its_own_events,
    deletion::an_agent_with_a_contact_is_not_deleted,
    deletion::an_agent_whom_a_handoff_names_is_not_deleted,
    deletion::a_deletion_names_an_agent,
    storm::many_callers_at_once,
];

/// Cases that need other rules than the usual ones.
fn rules(case: &str) -> Rules {
    let usual = Rules { sweep_ms: 20, ..Rules::default() };
    match case {
        // The clock stands still, so nobody would be offered again what all have declined.
        "storm::many_callers_at_once" => Rules { decline_back_off_ms: 0, ..usual },
        "withdrawals::by_setting_one_offer_rings" => Rules { most_ringing_offers: 1, ..usual },
        "offers::of_the_named_agent_declined" => Rules { handoff_auto_accept: false, ..usual },
        _ => usual,
    }
}

async fn run_all(storage: Storage) {
    let databases = Databases::start(storage);
    // `CASE=streams cargo test ...` runs only those whose name has it.
    let wanted = std::env::var("CASE").unwrap_or_default();
    let mut failed = vec![];
    for (name, case) in CASES.iter().filter(|(name, _)| name.contains(&wanted)) {
        let started = tokio::time::Instant::now();
        let world = World::start(storage, &databases.create(), rules(name)).await;
        let task = world.clone();
        if let Err(error) = tokio::spawn(case(task)).await {
            failed.push(format!("{name}: {error}"));
        }
        world.stop().await;
        println!("{storage:?} {name} {:?}", started.elapsed());
    }
    assert!(failed.is_empty(), "on {storage:?}:\n{}", failed.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_memory() {
    run_all(Storage::SqliteMemory).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_file() {
    run_all(Storage::SqliteFile).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres() {
    run_all(Storage::Postgres).await;
}
