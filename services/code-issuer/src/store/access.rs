use segue_store::{
    Conn,
    Kind::{Bytes, Int, Text},
    Rows, StoreError, Writes,
};
use sqlx::Row as _;

use crate::domain::turn::Changes;

/// The sealed access information of a generation, while its code lives.
pub(crate) async fn sealed_access_info(
    conn: &mut Conn,
    handoff: &str,
    generation: i32,
) -> Result<Option<Vec<u8>>, StoreError> {
    let row = sqlx::query("SELECT sealed FROM access_infos WHERE handoff_id = $1 AND generation = $2")
        .bind(handoff)
        .bind(i64::from(generation))
        .fetch_optional(conn)
        .await?;
    row.map(|row| Ok(row.try_get("sealed")?)).transpose()
}

/// Puts and erases access information.
pub(super) fn write(writes: &mut Writes, changes: &Changes<'_>) {
    let mut put = Rows::new(&[("handoff_id", Text), ("generation", Int), ("sealed", Bytes)]);
    let mut erased = Rows::new(&[("handoff_id", Text)]);
    for (handoff, info) in &changes.access {
        match info {
            Some(info) => {
                let (generation, sealed) = (i64::from(info.generation), info.sealed.to_vec());
                put.push([handoff.as_str().into(), generation.into(), sealed.into()]);
            }
            None => erased.push([handoff.as_str().into()]),
        }
    }
    writes.add(
        put,
        "INSERT INTO access_infos (handoff_id, generation, sealed)
         SELECT handoff_id, generation, sealed FROM v WHERE handoff_id IS NOT NULL
         ON CONFLICT (handoff_id) DO UPDATE SET generation = excluded.generation, sealed = excluded.sealed",
    );
    writes.add(erased, "DELETE FROM access_infos WHERE handoff_id IN (SELECT handoff_id FROM v)");
}
