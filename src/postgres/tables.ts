/**
 * The tables of the shared state, and their statements. One row per witness key and log holds what the journal of a
 * home would hold; it is changed by one statement that names what it replaces. `gossum_lineage` has every state that a
 * row has held, so that a machine that was away can tell whether the row continues what it saw. `gossum_origins` binds
 * each signing key to one log of an origin. Pure.
 */

import { areTexts } from '../lib/is-object.js'
import { toHex, utf8 } from '../tlog/bytes.js'
import { sha256 } from '../tlog/hash.js'
import type { Claim, StateRow } from '../store/shared-state.js'

/** A row as it is read: a bigint is returned as text. */
export interface ReadRow {
  readonly log: string
  readonly seq: string
  readonly hash: string
  readonly state: string
}

/** The state in a row; unreadable if the columns do not have our types. */
export function stateRowOf({ seq, hash, state }: ReadRow): StateRow {
  return areTexts(seq, hash, state) ? { seq: Number(seq), hash, text: state } : { seq: NaN, hash: '', text: '' }
}

/** An origin and the keys that are bound to it, as values. An origin may be too long for an index, its hash is not. */
export function claimValues(claim: Claim | undefined): [origin: string, keys: readonly string[]] {
  return claim === undefined ? ['', []] : [toHex(sha256(utf8(claim.origin))), claim.keys]
}

/** How many of the newest states of a row are kept as its lineage: half a year at one per minute. */
export const LINEAGE_STATES = 262_144

/**
 * The statements for a schema, whose name consists of lower-case letters, digits and _. $1 is always the verifier key.
 */
export function statements(schema: string) {
  const table = (name: string): string => `"${schema}"."gossum_${name}"`
  const [keys, states, lineage, instances] = ['keys', 'states', 'lineage', 'instances'].map(table)
  const origins = table('origins')
  const isOpen = `EXISTS (SELECT 1 FROM ${keys} WHERE key = $1 AND closed_at IS NULL)`
  /**
   * Adds the state $3, $4, $5 of the log $2 to the lineage, and binds the keys $7 to this log among those of the origin
   * $6, if it was written. A key that is bound to another log violates the primary key, and nothing is written.
   */
  const keptWhere = (written: string): string =>
    `WITH written AS (${written} RETURNING 1),
      kept AS (INSERT INTO ${lineage} SELECT $1, $2, $3::bigint, $4 FROM written),
      bound AS (INSERT INTO ${origins} SELECT signer, $6, $2 FROM written, unnest($7::text[]) AS signer
        ON CONFLICT (key, origin, log) DO NOTHING)
      SELECT count(*)::int AS written FROM written`
  return {
    make: `
      SET LOCAL client_min_messages = warning;
      CREATE TABLE IF NOT EXISTS ${keys} (
        key text PRIMARY KEY, made_at timestamptz NOT NULL DEFAULT now(), closed_at timestamptz);
      CREATE TABLE IF NOT EXISTS ${states} (
        key text NOT NULL REFERENCES ${keys}, log text NOT NULL, seq bigint NOT NULL, hash text NOT NULL, state text NOT NULL,
        touched_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (key, log));
      CREATE TABLE IF NOT EXISTS ${lineage} (
        key text NOT NULL, log text NOT NULL, seq bigint NOT NULL, hash text NOT NULL, PRIMARY KEY (key, log, seq));
      CREATE TABLE IF NOT EXISTS ${instances} (
        key text NOT NULL, peer text NOT NULL, seen_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (key, peer));
      CREATE TABLE IF NOT EXISTS ${origins} (
        key text NOT NULL, origin text NOT NULL, log text NOT NULL, PRIMARY KEY (key, origin), UNIQUE (key, origin, log));`,
    /** The key, whether its state is kept here, and whether no table is missing. */
    key: `
      SELECT closed_at IS NULL AS open, to_regclass('${origins}') IS NOT NULL AS complete FROM ${keys} WHERE key = $1`,
    addKey: `INSERT INTO ${keys} (key) VALUES ($1) ON CONFLICT (key) DO UPDATE SET closed_at = NULL`,
    closeKey: `UPDATE ${keys} SET closed_at = now() WHERE key = $1`,
    /** Waits for writes in progress, and holds up new ones until the transaction ends, so that they see its result. */
    lock: `LOCK TABLE ${states} IN SHARE ROW EXCLUSIVE MODE`,
    rows: `SELECT log, seq, hash, state FROM ${states} WHERE key = $1`,
    row: `SELECT log, seq, hash, state FROM ${states} WHERE key = $1 AND log = $2`,
    first: keptWhere(
      `INSERT INTO ${states} (key, log, seq, hash, state) SELECT $1, $2, $3::bigint, $4, $5 WHERE ${isOpen} ON CONFLICT DO NOTHING`,
    ),
    next: keptWhere(
      `UPDATE ${states} SET seq = $3::bigint, hash = $4, state = $5, touched_at = now()
        WHERE key = $1 AND log = $2 AND seq = $8::bigint AND hash = $9 AND ${isOpen}`,
    ),
    /** The other log of the origin $2 to which one of the keys $1 is bound. */
    boundTo: `SELECT log AS "by" FROM ${origins} WHERE key = ANY($1::text[]) AND origin = $2 AND log <> $3 LIMIT 1`,
    /** Binds the keys $1 to the log $3 of the origin $2, but for those that are bound to another one. */
    bind: `
      INSERT INTO ${origins} SELECT signer, $2, $3 FROM unnest($1::text[]) AS signer ON CONFLICT DO NOTHING`,
    touch: `
      WITH written AS (
        UPDATE ${states} SET touched_at = now()
          WHERE key = $1 AND log = $2 AND seq = $3::bigint AND hash = $4 AND ${isOpen} RETURNING 1)
      SELECT count(*)::int AS written FROM written`,
    /** A state of a home that is moved here. */
    put: `
      INSERT INTO ${states} (key, log, seq, hash, state) VALUES ($1, $2, $3::bigint, $4, $5)
        ON CONFLICT (key, log) DO UPDATE SET seq = $3::bigint, hash = $4, state = $5, touched_at = now()`,
    putLineage: `INSERT INTO ${lineage} (key, log, seq, hash) VALUES ($1, $2, $3::bigint, $4) ON CONFLICT DO NOTHING`,
    wentThrough: `SELECT 1 FROM ${lineage} WHERE key = $1 AND log = $2 AND seq = $3::bigint AND hash = $4`,
    prune: `
      DELETE FROM ${lineage} USING ${states} s WHERE s.key = $1 AND ${lineage}.key = s.key AND ${lineage}.log = s.log
        AND ${lineage}.seq < s.seq - ${LINEAGE_STATES}`,
    seen: `INSERT INTO ${instances} (key, peer) VALUES ($1, $2) ON CONFLICT (key, peer) DO UPDATE SET seen_at = now()`,
    /** Whether a peer is a machine with this key that was active here in the last week. */
    isInstance: `SELECT 1 FROM ${instances} WHERE key = $1 AND peer = $2 AND seen_at > now() - interval '7 days'`,
  } as const
}

export type Statements = ReturnType<typeof statements>

/** Which server it is, and how durably it commits. */
export const ABOUT = `
  SELECT pg_is_in_recovery() AS standby,
    (SELECT system_identifier::text FROM pg_control_system()) AS system,
    CASE WHEN pg_is_in_recovery() THEN '' ELSE substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END AS timeline,
    extract(epoch FROM pg_postmaster_start_time())::text AS started,
    current_setting('server_version') AS version,
    current_setting('fsync') AS fsync,
    current_setting('synchronous_commit') AS commit,
    current_setting('synchronous_standby_names') AS standbys,
    (SELECT count(*)::int FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum')) AS attached`
