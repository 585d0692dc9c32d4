//! The partitions of a declaratively partitioned table, and what keeps one from being dropped.

use super::connect::{PostgresConnection, Server};
use crate::dataset::{DatasetAddress, Location};
use crate::error::ConnectorError;
use crate::partition::Obstacle;
use crate::server::PartitionFacts;
use sqlx::Row as _;

/// Leaves of the tree below the table. A subscriber gets no word of a dropped table, whatever reads the
/// logical slot.
const PARTITIONS: &str = "SELECT c.oid::int8 AS id, n.nspname::text AS schema, c.relname::text AS name, \
       CASE WHEN c.oid = (SELECT p.partdefid FROM pg_partitioned_table p WHERE p.partrelid = t.parentrelid) THEN 'default' \
         WHEN t.level > 1 THEN 'nested' \
         WHEN c.relkind <> 'r' OR NOT c.relispartition THEN 'not ordinary' \
         WHEN EXISTS (SELECT 1 FROM pg_replication_slots s WHERE s.slot_type = 'logical' AND s.database = current_database()) \
           OR EXISTS (SELECT 1 FROM pg_publication_tables q JOIN pg_namespace qn ON qn.nspname = q.schemaname \
             JOIN pg_class qc ON qc.relnamespace = qn.oid AND qc.relname = q.tablename WHERE qc.oid IN (c.oid, r.oid)) THEN 'sent' \
         END AS obstacle, \
       pg_has_role(c.relowner, 'USAGE') AS owned \
     FROM pg_class r JOIN pg_namespace rn ON rn.oid = r.relnamespace \
       CROSS JOIN LATERAL pg_partition_tree(r.oid) t JOIN pg_class c ON c.oid = t.relid \
       JOIN pg_namespace n ON n.oid = c.relnamespace \
     WHERE r.relkind = 'p' AND NOT r.relispartition AND t.isleaf AND t.level > 0 AND rn.nspname = $1 AND r.relname = $2 \
     ORDER BY n.nspname COLLATE \"C\", c.relname COLLATE \"C\"";

pub(super) async fn partitions(
    server: &Server,
    connection: &mut PostgresConnection,
    address: &DatasetAddress,
) -> Result<Vec<PartitionFacts>, ConnectorError> {
    let Location::Table { schema, table } = &address.location else { return Ok(Vec::new()) };
    let schema = schema.as_deref().unwrap_or(super::shape::DEFAULT_SCHEMA);
    let query = sqlx::query(PARTITIONS).bind(schema.to_owned()).bind(table.clone());
    let read = async {
        let rows = connection.all(query).await?;
        rows.iter()
            .map(|row| {
                let obstacle: Option<String> = row.try_get("obstacle")?;
                Ok(PartitionFacts {
                    id: row.try_get("id")?,
                    schema: row.try_get("schema")?,
                    table: row.try_get("name")?,
                    owned: row.try_get("owned")?,
                    obstacle: obstacle.as_deref().map(obstacle_of),
                })
            })
            .collect::<Result<_, sqlx::Error>>()
    };
    read.await.map_err(|error| server.fault(&address.dataset, &error))
}

fn obstacle_of(word: &str) -> Obstacle {
    match word {
        "default" => Obstacle::DefaultPartition,
        "nested" => Obstacle::Nested,
        "sent" => Obstacle::SentToSubscribers,
        _ => Obstacle::NotOrdinary,
    }
}
