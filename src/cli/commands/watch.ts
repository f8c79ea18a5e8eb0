/** `gossum watch`: which modules are watched, and what their owners' lists say. Neither a node nor a log is asked. */
import { Command } from 'commander'
import { configOf } from '../../config/config.js'
import { hear } from '../../config/sources.js'
import { SETTINGS } from '../../config/settings.js'
import type { WatchSetting } from '../../config/watch-setting.js'
import { GossumError, withoutSecrets } from '../../errors.js'
import { MAX_MODULE_LENGTH } from '../../sumdb/module-version.js'
import { recordLines } from '../../tlog/record.js'
import type { Releases } from '../../watch/releases.js'
import { Watches } from '../../watch/watches.js'
import { optionOf, type CommonFlags } from '../common-flags.js'
import { EXIT, gravest } from '../exit.js'
import { output, type Output } from '../ui/output.js'

interface WatchFlags extends CommonFlags {
  readonly watch?: string[]
}

/** A watch with the current content of its list. */
type ReadWatch = Awaited<ReturnType<Watches['lists']>>[number]

export function command(): Command {
  const watch = new Command('watch').description('modules whose new versions a node reports').addHelpText(
    'after',
    `
Examples:
  gossum watch list
  gossum watch list --config /etc/gossum.yaml
  gossum watch test example.com/mod@v1.2.3
`,
  )
  watch
    .command('list')
    .description('print each configured watch, and how many lines of go.sum its owner has authorised')
    .addOption(optionOf('watch', SETTINGS.watch))
    .addHelpText(
      'after',
      `
Examples:
  gossum watch list --config /etc/gossum.yaml
  gossum watch list --watch "example.com/*,github.com/me authorised=https://example.com/releases/go.sum"
  gossum watch list --json | jq -r 'select(.error != null).authorised'

Exit code 4 when a list cannot be read.
`,
    )
    .action(async (_options: unknown, self: Command) => {
      process.exitCode = await listWatches(self.optsWithGlobals<WatchFlags>())
    })
  watch
    .command('test')
    .description('say which watches a module version concerns, and whether its owner has authorised it')
    .argument('<M@V>', 'module path and version, as in example.com/mod@v1.2.3')
    .addOption(optionOf('watch', SETTINGS.watch))
    .addHelpText(
      'after',
      `
The list says with which hashes a version is authorised. A node compares them with what the log says.

Examples:
  gossum watch test example.com/mod@v1.2.3
  gossum watch test example.com/mod@v1.2.3 --watch "example.com/* authorised=go.sum"
  gossum watch test example.com/mod@v1.2.3 --config /etc/gossum.yaml --json | jq .authorised

Exit code 0 when it is authorised, or its watches name no list; 2 when it is not; 4 when no watch concerns it, or a
list cannot be read.
`,
    )
    .action(async (module: string, _options: unknown, self: Command) => {
      process.exitCode = await testVersion(module, self.optsWithGlobals<WatchFlags>())
    })
  return watch
}

async function listWatches(flags: WatchFlags): Promise<number> {
  const out = output(flags)
  const lists = await watchesOf(flags).lists()
  for (const { setting, releases, error } of lists) {
    const { modules, authorised, key } = told(setting)
    out.json({ modules, authorised, key, lines: releases?.size ?? null, error })
    out.line(`${out.paint('bold', modules)}  ${standingOf(setting, releases, error, out)}`)
  }
  if (lists.length === 0) out.talk('nothing is watched: --watch, or watch in the settings', { important: true })
  return lists.some(({ error }) => error !== null) ? EXIT.undecided : EXIT.fine
}

/** A watch as shown. */
function told({
  modules,
  authorised,
  key,
}: WatchSetting): Record<'authorised' | 'key', string | null> & { modules: string } {
  return {
    modules,
    authorised: authorised === undefined ? null : withoutSecrets(authorised),
    key: key === undefined ? null : Buffer.from(key.publicKey).toString('base64'),
  }
}

function standingOf(setting: WatchSetting, releases: Releases | undefined, error: string | null, out: Output): string {
  const { authorised, key } = told(setting)
  if (authorised === null) return 'every new version is reported'
  const by = key === null ? '' : `, signed by ${key}`
  if (error !== null) return out.paint('red', `${authorised}${by} cannot be read: ${error}`)
  return `${authorised}${by}: ${releases?.size ?? 0} lines are authorised`
}

async function testVersion(asked: string, flags: WatchFlags): Promise<number> {
  const out = output(flags)
  const [, module, version] = asked.length <= MAX_MODULE_LENGTH ? (/^([^@\s]+)@([^@\s]+)$/.exec(asked) ?? []) : []
  if (module === undefined || version === undefined)
    throw new GossumError(
      'USAGE',
      `M@V expected, as in example.com/mod@v1.2.3, got ${JSON.stringify(asked.slice(0, 200))}`,
    )
  const watches = watchesOf(flags)
  const concerned = new Set(watches.of(module))
  const tests = (await watches.lists())
    .filter(({ setting }) => concerned.has(setting))
    .map((one) => ({ ...one, lines: linesOf(one, module, version) }))
  for (const { setting, error, lines } of tests) {
    const authorised = lines && lines.length > 0
    out.json({ module, version, watch: told(setting), authorised: authorised ?? null, lines: lines ?? [], error })
    const verdict =
      setting.authorised === undefined
        ? 'reported, whoever made it'
        : authorised === undefined
          ? out.paint('red', `unknown: ${error}`)
          : authorised
            ? out.paint('green', 'authorised')
            : out.paint('red', 'NOT AUTHORISED: in the log it would raise an alarm')
    out.line(`${out.paint('bold', setting.modules)}  ${verdict}`)
    for (const line of lines ?? []) out.line(`  ${line}`)
  }
  if (tests.length === 0) {
    out.json({ module, version, watch: null, authorised: null, lines: [], error: null })
    out.line(`no watch concerns ${module}`)
    return EXIT.undecided
  }
  return gravest(
    tests.map(({ setting, lines }) =>
      lines === undefined
        ? setting.authorised === undefined
          ? EXIT.fine
          : EXIT.undecided
        : lines.length > 0
          ? EXIT.fine
          : EXIT.refused,
    ),
  )
}

/** The lines of a watch's list about a version; undefined if it has no readable list. */
function linesOf({ releases }: ReadWatch, module: string, version: string): string[] | undefined {
  return (
    releases &&
    [...releases].filter((line) => recordLines(line).some((one) => one.path === module && one.version === version))
  )
}

function watchesOf({ home, config, watch }: WatchFlags): Watches {
  const said = { ...(home === undefined ? {} : { home }), ...(watch === undefined ? {} : { watch }) }
  const heard = hear(said, { file: config, env: process.env })
  return new Watches(configOf(heard, { policy: false, book: false }).watch, () => performance.now())
}
