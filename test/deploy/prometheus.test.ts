/**
 * Compares the alerts and the dashboard of deploy/ with the code, and lets a real Prometheus scrape a real node until
 * an alert fires. That part is skipped without Prometheus; with REQUIRE_PEERS=1 it fails instead.
 */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import { describe, expect, onTestFinished, test } from 'vitest'
import { parse } from 'yaml'
import { createMetrics } from '../../src/metrics/metrics.js'
import type { SEVERITIES } from '../../src/status/conditions.js'
import { CONDITIONS, type ConditionName } from '../../src/status/conditions.js'
import { startGossum } from '../helpers/cli.js'
import { required } from '../helpers/go.js'
import { temporaryHome } from '../helpers/home.js'
import { findPeer } from '../helpers/peers.js'
import { freePort } from '../helpers/free-port.js'

const ROOT = new URL('../..', import.meta.url).pathname
const run = promisify(execFile)

interface Rule {
  readonly alert: string
  readonly expr: string
  readonly labels: { readonly severity: string }
  readonly annotations: { readonly runbook: string; readonly summary: string; readonly description: string }
}

interface Target {
  readonly expr: string
  readonly legendFormat: string
}

const rulesFile = join(ROOT, 'deploy/prometheus/gossum.rules.yml')
const { groups } = parse(readFileSync(rulesFile, 'utf8')) as { groups: { rules: Rule[] }[] }
const rules = groups.flatMap((group) => group.rules)
const dashboard = JSON.parse(readFileSync(join(ROOT, 'deploy/grafana/gossum.json'), 'utf8')) as {
  panels: { title: string; targets?: Target[] }[]
  annotations: { list: { expr: string; titleFormat: string }[] }
}
const targets: Target[] = [
  ...dashboard.panels.flatMap((panel) => panel.targets ?? []),
  ...dashboard.annotations.list.map(({ expr, titleFormat }) => ({ expr, legendFormat: titleFormat })),
]

function metricsIn(expr: string): string[] {
  return [...expr.matchAll(/\b(?:gossum|process|nodejs)_[a-z0-9_]+/g)].map(([name]) => name)
}

describe('alerts', () => {
  /** The conditions that the expression of an alert names. */
  const named = (alert: string): string[] => {
    const { expr } = rules.find((rule) => rule.alert === alert)!
    return /name=~?"([^"]+)"/.exec(expr)![1]!.split('|')
  }
  const all = Object.keys(CONDITIONS) as ConditionName[]
  const of = (...severities: (keyof typeof SEVERITIES)[]): string[] =>
    all.filter((name) => severities.includes(CONDITIONS[name])).toSorted()

  test('each condition that is more than a notice has one, of the same urgency', () => {
    expect(named('GossumMisbehaviour').toSorted()).toEqual(of('misbehaviour'))
    expect([...named('GossumFailing'), ...named('GossumDuplicateKey')].toSorted()).toEqual(of('failing'))
    expect([...named('GossumDoubtful'), ...named('GossumUnauthorisedVersion')].toSorted()).toEqual(of('doubtful'))
  })

  test.each(rules.map((rule) => [rule.alert, rule] as const))('%s uses existing metrics and labels', (_name, rule) => {
    const declared = new Map(
      createMetrics()
        .declared()
        .map((metric) => [metric.name, metric.labelNames as string[]]),
    )
    const ours = metricsIn(rule.expr).filter((name) => name.startsWith('gossum_'))
    for (const name of ours) expect([...declared.keys()]).toContain(name)
    expect(['page', 'ticket']).toContain(rule.labels.severity)
    const labels = ['instance', ...metricsIn(rule.expr).flatMap((name) => declared.get(name) ?? [])]
    for (const text of Object.values(rule.annotations))
      for (const [, label] of text.matchAll(/\$labels\.([a-z_]+)/g)) expect(labels).toContain(label)
  })
})

test.each(targets.map((target) => [target.expr, target] as const))('the dashboard can draw %s', (_name, target) => {
  const declared = new Map(
    createMetrics()
      .declared()
      .map((metric) => [metric.name, metric.labelNames as string[]]),
  )
  const names = metricsIn(target.expr)
  const words = [...target.legendFormat.matchAll(/{{([a-z_]+)}}/g)].map(([, word]) => word)
  for (const name of names.filter((name) => name.startsWith('gossum_'))) {
    expect([...declared.keys()]).toContain(name)
    for (const word of words) expect(['instance', ...declared.get(name)!]).toContain(word)
  }
})

const prometheus = findPeer('prometheus')
const promtool = findPeer('promtool')

test.skipIf(promtool === undefined && !required)('promtool accepts the rules, and its tests of them pass', async () => {
  await run(promtool!, ['check', 'rules', rulesFile])
  await run(promtool!, ['check', 'config', join(ROOT, 'deploy/prometheus/prometheus.yml')])
  await run(promtool!, ['test', 'rules', join(ROOT, 'test/deploy/gossum.rules.test.yml')])
})

/** Polls `ask` until it returns a value; errors count as none. */
async function until<T>(ask: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const answer = await ask().catch(() => undefined)
    if (answer !== undefined) return answer
    await setTimeout(100)
  }
}

test.skipIf(prometheus === undefined && !required)(
  'a real Prometheus scrapes a real node, answers the queries of the dashboard, and alerts to a fork',
  { timeout: 90_000 },
  async () => {
    const home = temporaryHome()
    const log = await startGossum(
      ['demo', 'log', '--home', join(home, 'log'), '--listen', '127.0.0.1:0', '--every', '0', '--json'],
      {},
    )
    const shown = JSON.parse(log.firstLine) as { log: string; page: string; faces: { left: string; right: string } }
    const start = (name: string, face: string, ...more: string[]) =>
      startGossum(
        [
          ...['run', '--json', '--home', join(home, name), '--log', `${shown.log} ${face}`, '--poll', '1'],
          ...['--http', '127.0.0.1:0', '--listen', '/ip4/127.0.0.1/tcp/0', ...more],
        ],
        {},
      )
    const node = await start('one', shown.faces.left)
    const ready = JSON.parse(node.firstLine) as { http: string; multiaddrs: string[] }
    const other = await start('two', shown.faces.right, '--bootstrap', ready.multiaddrs[0]!)
    onTestFinished(() => Promise.all([log.stop(), node.stop(), other.stop()]).then(() => undefined))

    const example = readFileSync(join(ROOT, 'deploy/prometheus/prometheus.yml'), 'utf8')
    const config = example
      .replaceAll('30s', '1s')
      .replace('gossum.rules.yml', rulesFile)
      .replace('127.0.0.1:46787', new URL(ready.http).host)
    expect(config).not.toContain('46787')
    writeFileSync(join(home, 'prometheus.yml'), config)
    const port = await freePort()
    const child = spawn(
      prometheus!,
      [
        `--config.file=${join(home, 'prometheus.yml')}`,
        `--storage.tsdb.path=${join(home, 'tsdb')}`,
        `--web.listen-address=127.0.0.1:${port}`,
      ],
      { stdio: 'ignore' },
    )
    const ended = once(child, 'exit')
    onTestFinished(async () => {
      child.kill()
      await ended
    })
    const api = async <T>(path: string): Promise<T> => {
      const { status, data } = (await (await fetch(`http://127.0.0.1:${port}/api/v1/${path}`)).json()) as {
        status: string
        data: T
      }
      if (status !== 'success') throw new Error(`${path}: ${status}`)
      return data
    }
    const query = async (expr: string): Promise<readonly { metric: Record<string, string> }[]> =>
      (await api<{ result: { metric: Record<string, string> }[] }>(`query?query=${encodeURIComponent(expr)}`)).result

    const up = await until(async () => {
      const { activeTargets } = await api<{ activeTargets: { health: string; lastError: string }[] }>('targets')
      return activeTargets.find(({ health }) => health === 'up')
    })
    expect(up.lastError).toBe('')
    await until(async () => (await query('gossum_head_size > 0'))[0])
    // Each query of the dashboard is valid, and the node has the metrics in it.
    const metrics = await (await fetch(`${ready.http}/metrics`)).text()
    for (const { expr } of targets) {
      await query(expr.replaceAll('$instance', '.*').replaceAll('$log', '.*'))
      for (const name of metricsIn(expr)) expect(metrics, expr).toMatch(new RegExp(`^# TYPE ${name} `, 'm'))
    }
    const drawn = targets.find(({ expr }) => expr.startsWith('gossum_head_size'))!.expr
    expect(await query(drawn.replaceAll('$instance', '.*').replaceAll('$log', '.*'))).toHaveLength(1)

    const health = await until(async () => {
      const loaded = await api<{ groups: { rules: { name: string; health: string }[] }[] }>('rules')
      const of = loaded.groups.flatMap((group) => group.rules)
      return of.every((rule) => rule.health === 'ok') && of.length > 0 ? of : undefined
    })
    expect(health.map(({ name }) => name)).toEqual(rules.map(({ alert }) => alert))
    const firing = async (): Promise<string[]> => {
      const { alerts } = await api<{ alerts: { state: string; labels: { alertname: string } }[] }>('alerts')
      return alerts.filter(({ state }) => state === 'firing').map(({ labels }) => labels.alertname)
    }
    expect(await firing()).toEqual([])

    await fetch(`${shown.page}fork`, { method: 'POST' })
    await until(async () => (await firing()).find((name) => name === 'GossumMisbehaviour'))
  },
)
