//! The storage conformance suite: what services rely on, shown on every engine by the same functions.
//!
//! To add a case, write an `async fn(&Engines)` and name it in one of the groups below. A group starts each engine once;
//! every case opens databases of its own in it.

#[cfg(test)]
mod audit;
#[cfg(test)]
mod command;
#[cfg(test)]
mod create;
#[cfg(test)]
mod dispatcher;
#[cfg(test)]
mod engines;
#[cfg(test)]
mod logs;
#[cfg(test)]
mod lost_commits;
#[cfg(test)]
mod notify;
#[cfg(test)]
mod outages;
#[cfg(test)]
mod outbox;
#[cfg(test)]
mod proxy;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod rows;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod schema_steps;
#[cfg(test)]
mod tickets;
#[cfg(test)]
mod writes;

macro_rules! on_every_engine {
    ($($group:ident: [$($case:ident),+ $(,)?])+) => {
        #[cfg(test)]
        mod on_every_engine {
            $(mod $group {
                use segue_testkit::Storage;

                use crate::engines::Engines;

                async fn run(storage: Storage) {
                    let engines = Engines::start(storage);
                    $(
                        println!("{}", stringify!($case));
                        crate::$group::$case(&engines).await;
                    )+
                }

                #[tokio::test(flavor = "multi_thread")]
                async fn sqlite_memory() {
                    run(Storage::SqliteMemory).await;
                }

                #[tokio::test(flavor = "multi_thread")]
                async fn sqlite_file() {
                    run(Storage::SqliteFile).await;
                }

                #[tokio::test(flavor = "multi_thread")]
                async fn postgres() {
                    run(Storage::Postgres).await;
                }
            })+
        }
    };
}

on_every_engine! {
    audit: [
        an_act_has_its_record_or_neither_is_there,
        replicas_make_one_chain,
        linking_waits_for_no_other_replica,
        the_log_is_never_changed,
        a_changed_log_is_found,
        old_records_are_forgotten_from_the_beginning,
        records_are_found_by_who_and_what,
    ]
    command: [
        commands_that_wait_share_a_commit,
        a_repeated_command_is_decided_once,
        repeated_and_new_commands_are_decided_together,
        one_request_in_one_batch_is_decided_once,
        a_command_that_fails_fails_alone,
        a_turn_that_wrote_nothing_is_not_committed,
        a_refusal_keeps_nothing,
        an_act_is_recorded_once,
        a_look_sees_what_others_have_decided,
        a_peek_asks_the_database_nothing,
        contended_turns_are_done_again,
        a_panicking_command_fails_alone,
        a_commit_that_fails_each_time_is_refused,
        replicas_decide_one_after_the_other,
        a_command_is_decided_when_its_caller_has_gone,
        closing_ends_the_decider,
        a_decider_that_nobody_can_ask_ends,
    ]
    rows: [
        rows_come_back_as_they_were_written,
        any_number_of_rows_needs_few_statements,
    ]
    schema: [
        migrations_apply_and_are_kept_on_reopening,
        an_acknowledged_write_is_there_after_reopening,
        a_url_of_no_known_engine_is_refused,
    ]
    writes: [
        rows_that_somebody_else_has_changed_are_contended,
        sixty_four_callers_are_all_answered,
        a_failing_write_undoes_only_itself,
        work_that_is_done_again_counts_once,
        a_panicking_write_fails_only_itself,
        a_swallowed_error_is_never_acknowledged_in_vain,
        a_write_stands_when_its_caller_goes_away,
        two_handles_lose_no_update,
        two_handles_that_deadlock_both_succeed,
        reads_see_commits_and_nothing_else,
        a_commit_wakes_watchers,
        a_commit_elsewhere_is_seen_by_polling,
    ]
    requests: [
        a_repeated_request_gets_the_first_answer,
        an_id_with_other_content_is_reused,
        an_id_is_of_its_caller_and_method,
        an_answer_of_an_older_program_is_found,
        a_rotated_key_still_recognises_a_request,
        a_forgotten_request_is_fresh_again,
        a_failed_write_leaves_no_claim,
        old_answers_are_purged,
        many_old_answers_are_purged_some_at_a_time,
        sixty_four_callers_of_one_id_have_one_effect,
    ]
    outbox: [
        owing_leases_the_first_call_of_a_lane,
        an_undone_change_owes_nothing,
        a_lane_is_made_in_order,
        lanes_do_not_wait_for_each_other,
        two_handles_never_claim_the_same_call,
        two_handles_owe_to_one_lane,
        an_ended_lease_is_claimed_again,
        a_postponed_call_waits,
        an_ended_lease_can_not_postpone,
        what_is_owed_together_is_made_in_order,
        a_call_behind_one_that_is_settled_with_it_is_the_first,
        nobody_waits_for_a_call_of_the_dispatcher,
    ]
    dispatcher: [
        owed_calls_are_made_and_settled_in_order,
        a_call_that_fails_is_put_off_longer_each_time,
        a_blocked_lane_costs_no_writes,
        a_backlog_is_worked_off_in_bounds,
        stopping_finishes_calls_under_way,
    ]
}
