/** Compares docs/runbook.md and docs/install.md with the code, the alerts and the files of deploy/. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { CONDITION_NAMES } from '../../src/status/conditions.js'
import { gossum } from '../helpers/cli.js'

const ROOT = new URL('../..', import.meta.url).pathname
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8')
const runbook = read('docs/runbook.md')
const install = read('docs/install.md')
const sections = new Map(
  runbook
    .split(/^##+ /m)
    .slice(1)
    .map((section) => [section.slice(0, section.indexOf('\n')), section]),
)

describe('docs/runbook.md', () => {
  test('has a section for each condition, in their order, and no others', () => {
    const part = runbook.slice(runbook.indexOf('## Conditions of a log'), runbook.indexOf('## Other alerts'))
    expect([...part.matchAll(/^### (.*)$/gm)].map(([, name]) => name)).toEqual(CONDITION_NAMES)
  })

  test.each(CONDITION_NAMES)('says what %s means, where to look and what to do', (name) => {
    for (const word of ['Means', 'Look', 'Do'])
      expect(sections.get(name)).toMatch(new RegExp(`^- \\*\\*${word}:\\*\\* \\S`, 'm'))
  })

  test('has the sections that the alerts name', () => {
    const named = [...read('deploy/prometheus/gossum.rules.yml').matchAll(/runbook: 'docs\/runbook\.md, "([^"]+)"'/g)]
    expect(named.length).toBeGreaterThan(10)
    for (const [, name] of named.filter(([, name]) => !name!.startsWith('{{')))
      expect([...sections.keys()]).toContain(name)
  })

  test('has no broken internal links', () => {
    const anchors = [...sections.keys()].map((heading) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\w -]/g, '')
        .replaceAll(' ', '-'),
    )
    for (const [, anchor] of runbook.matchAll(/\]\(#([^)]+)\)/g)) expect(anchors).toContain(anchor)
  })
})

/** The commands on these pages: `gossum WORD` or `gossum WORD WORD`. */
const commands = new Set(
  [...`${runbook}\n${install}`.matchAll(/\bgossum ((?:[a-z]+)(?: [a-z]+)?)/g)]
    .map(([, words]) => words!.split(' '))
    .filter(([first]) =>
      [
        'status',
        'doctor',
        'reload',
        'evidence',
        'explain',
        'check',
        'verify',
        'run',
        'key',
        'log',
        'policy',
        'audit',
        'config',
        'mirror',
        'alarm',
        'demo',
        'heads',
        'peers',
      ].includes(first!),
    )
    .map((words) => words.join(' ')),
)

test.each([...commands])('gossum %s is a command, or a command with an argument', async (words) => {
  const named = words.split(' ')
  const usageOf = async (of: readonly string[]): Promise<string> => (await gossum([...of, '--help'])).stdout
  // For an unknown command it prints the help of gossum itself.
  const isKnown = async (of: readonly string[]): Promise<boolean> =>
    (await usageOf(of)).startsWith(`Usage: gossum ${of.join(' ')} `)
  expect((await isKnown(named)) || (named.length > 1 && (await isKnown(named.slice(0, 1))))).toBe(true)
})

test('docs/install.md names files that exist, and ports that the compose file publishes', () => {
  const files = [...install.matchAll(/\bdeploy\/[\w./-]*\w/g)].map(([file]) => file)
  expect(files.length).toBeGreaterThan(5)
  for (const file of files) expect(existsSync(join(ROOT, file)), file).toBe(true)
  const compose = read('deploy/compose.yaml')
  for (const [, port] of install.matchAll(/127\.0\.0\.1:(470\d\d)\//g)) expect(compose).toContain(`127.0.0.1:${port!}:`)
  expect((JSON.parse(read('package.json')) as { files: string[] }).files).toContain('deploy')
})
