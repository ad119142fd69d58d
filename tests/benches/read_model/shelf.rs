//! Plugins by the thousand, as events, and the plain SQL that answers are compared with.

use crate::log::ground::Ground;

/// A page of a list by downloads, its cards and how many there are.
pub(super) const LIST: &str = "\\set page random(0, 49)
select c.plugin_id, d.card, n.downloads, n.rating
  from (select plugin_id, downloads from read.catalogue
         where shown and dialects @> array['backstage'] and origin is null
         order by downloads desc, publisher_key, name_key, plugin_id offset 20 * :page limit 20) c
  join read.catalogue_documents d using (plugin_id) join read.catalogue_counts n using (plugin_id);
select own from read.catalogue_totals where dialect = 'backstage' and kind = 'all' and name = '';
";

/// A plugin by its number.
pub(super) const DETAILS: &str = "\\set number random(1, PLUGINS)
select d.view, n.downloads, n.rating
  from read.catalogue c
  join read.catalogue_documents d using (plugin_id) join read.catalogue_counts n using (plugin_id)
 where c.number = :number;
";

/// Puts the checkpoint at the end of the log.
pub(super) const FOLLOWED: &str = "update es.checkpoints c
   set epoch = e.epoch, transaction_id = e.transaction_id, global_position = e.global_position
  from (select epoch, transaction_id, global_position from es.events
         order by epoch desc, transaction_id desc, global_position desc limit 1) e
 where c.subscription = 'catalogue'";

pub(super) fn word(rank: usize) -> String {
    format!("word{rank}")
}

/// Eight events a plugin: three releases, a description, two listings and totals of before.
pub(super) async fn fill(ground: &Ground, plugins: usize) {
    ground.database.execute(TEXTS).await.unwrap();
    ground.database.execute(&FILL.replace("PLUGINS", &plugins.to_string())).await.unwrap();
    ground.rest().await;
}

/// Of a seed: so many words, the lower ones far more often.
const TEXTS: &str = "create schema bench_words;
create function bench_words.words(seed text, many int) returns text language sql immutable as $$
  select string_agg('word' || (power(('x' || left(md5(seed || n), 7))::bit(28)::int / 268435456.0, 2.5) * 2000)::int, ' ')
    from generate_series(1, many) n
$$;
create function bench_words.release(i int, version text, at timestamptz) returns jsonb language sql immutable as $$
  select jsonb_build_object('version', version, 'at', at, 'manifest', jsonb_build_object('name', 'plugin' || i),
    'artifact', jsonb_build_object('sha256', encode(sha256((version || i)::bytea), 'hex'), 'size', 1000, 'format', 'zip'),
    'readme', bench_words.words(version || i, 60), 'engines', jsonb_build_object('backstage', '^1.' || i % 40 || '.0'))
$$";

const FILL: &str = "
insert into es.events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata)
select 'plugin', p.id::text, e.n, e.type, '1', e.payload || jsonb_build_object('type', e.type, 'plugin_uid', p.id),
       '{\"correlation_id\": \"bench\", \"causation_id\": \"bench\", \"actor_principal\": \"bench\",
         \"actor_dialect\": \"system\", \"tenant\": \"default\"}'
  from (select i, md5('plugin' || i)::uuid as id, translate(bench_words.words('name' || i, 2), ' ', '-') as words,
               timestamptz '2024-01-01' + i * interval '5 minutes' as at
          from generate_series(1, PLUGINS) i) p
 cross join lateral (values
   (1, 'PluginRegistered', jsonb_build_object('number', i, 'publisher', 'publisher' || i % 5000, 'kind', 'plugin',
         'name', words || '-' || i, 'at', at)),
   (2, 'PluginDescribed', jsonb_build_object('display_name', replace(words, '-', ' ') || ' ' || i, 'at', at,
         'summary', bench_words.words('summary' || i, 8), 'category', 'category' || i % 20,
         'tags', jsonb_build_array('tag' || i % 300, 'tag' || i % 7))),
   (3, 'ReleasePublished', bench_words.release(i, '1.0.0', at)),
   (4, 'ReleasePublished', bench_words.release(i, '1.1.0', at)),
   (5, 'ReleasePublished', bench_words.release(i, '2.0.0', at)),
   (6, 'PluginListed', jsonb_build_object('dialect', 'backstage')),
   (7, 'PluginListed', jsonb_build_object('dialect', 'dify')),
   (8, 'StatisticsImported', jsonb_build_object('statistics', jsonb_build_object('source', 'bench',
         'downloads', (1000000 / (1 + i * 7919 % PLUGINS))::int)))
 ) e (n, type, payload)";
