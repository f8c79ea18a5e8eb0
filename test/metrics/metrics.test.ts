/**
 * The metrics as scraped: identifying labels, counters that exist before they count, and docs that list all of them.
 */
import { spawnSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { createMetrics, type LogSample, type Sample } from '../../src/metrics/metrics.js'
import { CONDITION_NAMES } from '../../src/status/conditions.js'
import { VERSION } from '../../src/version.js'
import { required } from '../helpers/go.js'
import { findPeer } from '../helpers/peers.js'

const LOG: LogSample = {
  id: 'a'.repeat(64),
  name: 'sum.example.org',
  conditions: [],
  size: 5,
  signedAt: 1_700_000_000,
  signedAge: 3,
  promiseAhead: 0,
  quorumSize: 5,
  cosignatures: 1,
  suspects: 0,
  suspectAge: 0,
  floor: false,
  frozen: false,
  paused: false,
  reachable: true,
  verifiedAge: 2,
  audit: { size: 4, findings: { error: 1, note: 2 }, complete: true, cosigned: 3, error: null, indexed: 4 },
}
const SAMPLE: Sample = {
  ready: true,
  node: { witness: 'w.example+01020304', peerId: '12D3KooWTest' },
  conditions: [],
  severities: [],
  logs: [LOG],
  witnesses: [{ identity: 'w.example+01020304', age: 7 }],
  peers: 1,
  convicted: 0,
  relayed: 0,
  guard: 'guarded',
  deposit: { state: 'deposited', need: 1, of: 1, connected: 1, undeposited: 0 },
  clock: { offset: 0.5, conditions: [] },
  canSign: true,
  alarm: { receivers: 2, waiting: 3, oldestAge: 9 },
  bastion: { state: 'serving', age: 4 },
  places: [{ name: 'place.example', kind: 'feed', age: 6, isWell: true }],
}

/** The lines of a scrape that are not comments. */
async function scraped(change: Partial<Sample> = {}): Promise<string[]> {
  const metrics = createMetrics({ events: ['unauthorised'] })
  metrics.places(['place.example'])
  return (await metrics.text({ ...SAMPLE, ...change }))
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
}

describe('the metrics', () => {
  test('distinguish two logs of one name', async () => {
    const frozen = { ...LOG, id: 'b'.repeat(64), frozen: true, size: 9 }
    for (const logs of [
      [LOG, frozen],
      [frozen, LOG],
    ]) {
      const lines = await scraped({ logs })
      for (const { id, frozen: is, size } of logs) {
        expect(lines).toContain(`gossum_frozen{log="sum.example.org",log_id="${id}"} ${Number(is)}`)
        expect(lines).toContain(`gossum_head_size{log="sum.example.org",log_id="${id}"} ${size}`)
      }
    }
  })

  test('include the findings of an audit, and none for unaudited logs', async () => {
    const labels = `log="sum.example.org",log_id="${LOG.id}"`
    const of = (lines: string[]): string[] => lines.filter((line) => line.includes('audit'))
    expect(of(await scraped())).toEqual(
      expect.arrayContaining([
        `gossum_audited_records{${labels}} 4`,
        `gossum_audit_findings{${labels},level="error"} 1`,
        `gossum_audit_findings{${labels},level="note"} 2`,
        `gossum_audit_complete{${labels}} 1`,
        `gossum_audit_cosigned_size{${labels}} 3`,
      ]),
    )
    const without = await scraped({ logs: [{ ...LOG, audit: undefined }] })
    expect(of(without).filter((line) => !line.startsWith('gossum_condition'))).toEqual([])
  })

  test('have no duplicate series', async () => {
    const series = (await scraped()).map((line) => line.slice(0, line.lastIndexOf(' ')))
    expect(new Set(series).size).toBe(series.length)
  })
})

describe('a series', () => {
  test.each([
    'gossum_heads_received_total{door="gossip",outcome="conflict",code=""} 0',
    'gossum_heads_received_total{door="push",outcome="refused",code="SIGNATURE_INVALID"} 0',
    'gossum_heads_received_total{door="poll",outcome="pending",code="LOG_UNREACHABLE"} 0',
    'gossum_evidence_total{source="found"} 0',
    'gossum_suspect_alarms_total 0',
    'gossum_proxy_lookups_total{source="log"} 0',
    'gossum_exchange_requests_total{place="place.example",outcome="failed"} 0',
    'gossum_errors_total{code="INTERNAL"} 0',
    'gossum_errors_total{code="STORE_WRITE_FAILED"} 0',
    'gossum_gossip_dropped_total{reason="suspects-full"} 0',
    'gossum_events_total{event="unauthorised"} 0',
    'gossum_event_readers_dropped_total 0',
    'gossum_head_duration_seconds_count{door="gossip"} 0',
  ])('is zero before its first event: %s', async (line) => {
    expect(await scraped()).toContain(line)
  })

  test('is zero for each route before its first request', async () => {
    const metrics = createMetrics()
    metrics.routes(['/metrics'])
    expect(await metrics.text(SAMPLE)).toContain('gossum_http_requests_total{route="/metrics",status="500"} 0')
  })

  test('counts each condition', async () => {
    const lines = await scraped({ ready: false, conditions: ['frozen', 'no policy', 'frozen'] })
    expect(lines).toContain('gossum_ready 0')
    for (const name of CONDITION_NAMES) {
      const times = name === 'frozen' ? 2 : name === 'no policy' ? 1 : 0
      expect(lines).toContain(`gossum_condition{name="${name}"} ${times}`)
    }
  })

  test('gives conditions by log, and their number by severity', async () => {
    const other = { ...LOG, id: 'b'.repeat(64), conditions: ['frozen', 'suspect'] as const }
    const lines = await scraped({ logs: [LOG, other], severities: ['misbehaviour', 'doubtful', 'doubtful'] })
    expect(lines.filter((line) => line.startsWith('gossum_log_condition'))).toEqual([
      `gossum_log_condition{log="sum.example.org",log_id="${other.id}",name="frozen"} 1`,
      `gossum_log_condition{log="sum.example.org",log_id="${other.id}",name="suspect"} 1`,
    ])
    expect(lines.filter((line) => line.startsWith('gossum_conditions_by_severity'))).toEqual([
      'gossum_conditions_by_severity{severity="misbehaviour"} 1',
      'gossum_conditions_by_severity{severity="failing"} 0',
      'gossum_conditions_by_severity{severity="doubtful"} 2',
      'gossum_conditions_by_severity{severity="notice"} 0',
    ])
  })

  test('does not exist for an unknown value', async () => {
    const nothing = { ...LOG, signedAge: undefined, reachable: undefined, verifiedAge: undefined }
    const lines = await scraped({
      logs: [nothing],
      witnesses: [{ identity: 'w+0', age: undefined }],
      clock: { offset: undefined, conditions: [] },
      bastion: undefined,
    })
    const named = (name: string): string[] => lines.filter((line) => line.startsWith(name))
    for (const name of ['head_age', 'log_reachable', 'log_verified', 'witness_age', 'clock_offset', 'bastion_cosig'])
      expect(named(`gossum_${name}`)).toEqual([])
    expect(named('gossum_bastion_state').every((line) => line.endsWith(' 0'))).toBe(true)
  })
})

test('each scrape has the current values', async () => {
  const metrics = createMetrics()
  for (const reading of [1, 2]) {
    const text = await metrics.text({ ...SAMPLE, peers: reading, relayed: reading })
    expect(text).toContain(`\ngossum_peers ${reading}\n`)
    expect(text).toContain(`\ngossum_relayed_keys ${reading}\n`)
  }
})

test('process metrics have their usual names, and there is one about the build', async () => {
  const names = (await scraped()).map((line) => line.split(/[{ ]/, 1)[0]!)
  for (const name of ['process_cpu_seconds_total', 'process_resident_memory_bytes', 'nodejs_heap_size_used_bytes'])
    expect(names).toContain(name)
  expect(names.filter((name) => /^gossum_(process|nodejs)_/.test(name))).toEqual([])
  expect(await scraped()).toContain('gossum_node_info{witness="w.example+01020304",peer_id="12D3KooWTest"} 1')
  expect(await scraped()).toContain(`gossum_build_info{version="${VERSION}",node="${process.version}"} 1`)
})

const promtool = findPeer('promtool')

test.runIf(required)('promtool is here, as REQUIRE_PEERS asks', () => {
  expect(promtool).toBeDefined()
})

test.runIf(promtool !== undefined)('promtool objects only to some metric names of prom-client', async () => {
  const metrics = createMetrics({ events: ['watch'] })
  metrics.places(['place.example'])
  metrics.routes(['/metrics'])
  metrics.headDuration.observe({ door: 'poll' }, 0.2)
  const hostile = { ...LOG, name: 'a"b\\c\nd{}\u202e', conditions: ['frozen'] as const }
  const input = await metrics.text({ ...SAMPLE, logs: [LOG, hostile] })
  const { status, stderr, stdout } = spawnSync(promtool!, ['check', 'metrics'], { input, encoding: 'utf8' })
  // It exits with 3 if it has objections.
  expect([status, stdout]).toEqual([3, ''])
  // prom-client's own metrics, which dashboards for Node.js use.
  expect(stderr.trim().split('\n')).toEqual(
    ['handles', 'requests', 'resources'].map(
      (name) => `nodejs_active_${name}_total non-counter metrics should not have "_total" suffix`,
    ),
  )
})
