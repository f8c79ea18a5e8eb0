/**
 * `gossum check module`: one module version as the log, a GOPROXY, a git repository and this machine have it, side by
 * side.
 *
 * Trusted: the same as with `check go.sum`, and only for what the log says: the witnesses of a policy, or the node that
 * is asked. Nothing that the others say is believed; it is hashed here.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { MAX_GO_SUM_BYTES, parseGoSum } from '../../../audit/gosum.js'
import { viewOfGit } from '../../../audit/module/git-module.js'
import { viewsOfCache } from '../../../audit/module/module-cache.js'
import {
  classify,
  hashesOfRecord,
  type LogStanding,
  type HolderView,
  type HolderViews,
} from '../../../audit/module/module-views.js'
import { viewOfProxies, type ProxyAnswer } from '../../../audit/module/proxy-module.js'
import { errorText, GossumError, HintedError } from '../../../errors.js'
import { escapeModule, type ModuleVersion } from '../../../sumdb/module-version.js'
import { EXIT, gravest } from '../../exit.js'
import { isMissingFile, readFileBounded, writeFileAnew } from '../../named-files.js'
import { output, type Output } from '../../ui/output.js'
import type { Paint } from '../../ui/node-text.js'
import { askModules, headReport, keepEvidence, type ModulesAsked } from '../check-gosum/asking.js'
import { goSumSettings, type GoSumFlags, type GoSumSettings } from '../check-gosum/gosum-settings.js'
import { reportEvidenceLines } from '../check-gosum/gosum-text.js'
import { goProxyFor, isPrivateModule, moduleCache } from './go-settings.js'
import { exitOfModule, moduleLines, reportOfModule } from './module-text.js'

interface ModuleFlags extends Pick<
  GoSumFlags,
  'log' | 'policy' | 'head' | 'node' | 'home' | 'config' | 'json' | 'quiet'
> {
  readonly proxy?: string
  readonly git?: string
  readonly goSum?: string
  readonly modcache?: string
  readonly writeProof?: string
  readonly writeEvidence?: string
}

export function moduleCommand(): Command {
  return new Command('module')
    .description('compare what the log, a GOPROXY, a git repository and this machine have of one module version')
    .argument('<M@V>', 'the module version, such as golang.org/x/text@v0.3.0')
    .option('--proxy <URL>', 'the module proxy, in the form of GOPROXY: also a list, file URLs, off (default: GOPROXY)')
    .option('--git <DIR|URL>', 'a checkout, or an https, ssh or file URL; a module is made from its tag')
    .option('--go-sum <FILE>', 'the go.sum file (default: go.sum here, if it exists)')
    .option('--modcache <DIR>', 'the module cache (default: GOMODCACHE)')
    .option('--log <"VKEY URL">', 'the log, by its key; with a URL the log itself is asked (default: sum.golang.org)')
    .option('--policy <FILE>', 'require its quorum on heads, whoever delivers them (C2SP tlog-policy)')
    .option('--head <FILE>', 'a cosigned head, for when the log itself is asked and its own head has no quorum')
    .option('--write-proof <FILE>', 'write the proof of the record, for gossum verify (C2SP tlog-proof)')
    .option('--write-evidence <FILE>', 'where evidence goes (default: gossum-evidence-ID.json here)')
    .addHelpText(
      'after',
      `
Examples:
  gossum check module golang.org/x/text@v0.3.0                        by the node on this machine, and GOPROXY
  gossum check module example.org/m@v1.2.3 --git .                    is the tag here what everyone was given?
  gossum check module example.org/m@v1.2.3 --git https://git.example.org/m --proxy off
  gossum check module example.org/m@v1.2.3 --policy FILE --write-proof m.tlog-proof
  gossum verify --policy FILE m.tlog-proof                            offline

The first words are the class: agree, moved tag, repacked zip, log differs, mirror only, index only, lag, private; or
undecided. docs/check-module.md says what each means and what to do. The log is not asked about modules that match
GONOSUMDB or GOPRIVATE, and no proxy except one named with --proxy about modules that match GONOPROXY.

Exit code 0 for agree and private; 2 for moved tag, repacked zip, log differs and mirror only; 3 when the log showed two
histories; 4 for lag, index only, or when one of those asked did not answer; 1 when the log could not be asked.
`,
    )
    .action(async (named: string, _options: unknown, self: Command) => {
      const flags = self.optsWithGlobals<ModuleFlags>()
      process.exitCode = await check(parseModule(named), flags, output(flags))
    })
}

/** Throws MODULE_INVALID. */
function parseModule(named: string): ModuleVersion {
  const at = named.lastIndexOf('@')
  const module = { path: named.slice(0, Math.max(at, 0)), version: named.slice(at + 1) }
  escapeModule(module.path, module.version)
  return module
}

async function check(module: ModuleVersion, flags: ModuleFlags, out: Output): Promise<number> {
  const settings = await goSumSettings(flags)
  const isPrivate = isPrivateModule(module.path)
  if (isPrivate && flags.writeProof !== undefined) {
    throw new GossumError(
      'USAGE',
      `the log is not asked about ${module.path} (GONOSUMDB, GOPRIVATE): there is nothing to prove`,
    )
  }
  const ending = new AbortController()
  const scratch = await mkdtemp(join(tmpdir(), 'gossum-module-'))
  try {
    const wanted = flags.writeProof === undefined ? 'answers' : 'records'
    const [asked, proxy, git, local] = await Promise.all([
      isPrivate ? undefined : askModules([module], settings, wanted, out),
      viewOfProxies(module, flags.proxy ?? goProxyFor(module.path), scratch, ending.signal),
      flags.git === undefined ? undefined : viewOfGit(module, flags.git, scratch, ending.signal),
      localViews(module, flags),
    ])
    const views = { proxy: proxy.view, ...(git === undefined ? {} : { git }), ...local }
    return await report(module, { asked, proxy, views }, settings, flags, out)
  } finally {
    // Unfinished work still writes into the folder.
    ending.abort(new GossumError('TIMEOUT', 'not waited for'))
    await rm(scratch, { recursive: true, force: true })
  }
}

interface Found {
  /** Undefined when the log was not asked. */
  readonly asked: ModulesAsked | undefined
  readonly proxy: ProxyAnswer
  readonly views: HolderViews
}

async function report(
  module: ModuleVersion,
  { asked, proxy, views }: Found,
  settings: GoSumSettings,
  flags: ModuleFlags,
  out: Output,
): Promise<number> {
  if (asked?.problem !== undefined) out.error(asked.problem)
  const evidence = asked === undefined ? null : await keepEvidence(asked, settings, flags.writeEvidence, out)
  const standing = standingOf(module, asked)
  const found = reportOfModule(module, standing, views, classify(standing, views, proxy.isListed))
  const proof = flags.writeProof === undefined ? null : await writeProof(standing, asked, flags.writeProof, out)
  out.json({ ...found, head: headReport(asked?.quorum), evidence, proof })
  const paint: Paint = (style, text) => out.paint(style, text)
  moduleLines(found, paint).forEach((line) => out.line(line))
  if (evidence !== null) reportEvidenceLines(evidence, paint).forEach((line) => out.line(line))
  const hasNoProof = flags.writeProof !== undefined && proof === null
  return gravest([
    exitOfModule(found),
    asked?.exit ?? EXIT.fine,
    evidence === null ? EXIT.fine : EXIT.misbehaviour,
    hasNoProof ? EXIT.undecided : EXIT.fine,
  ])
}

function standingOf({ path, version }: ModuleVersion, asked: ModulesAsked | undefined): LogStanding {
  if (asked === undefined) return { kind: 'private' }
  const answer = asked.answers?.get(`${path}@${version}`)
  return answer ?? { kind: 'pending', reason: errorText(asked.problem) }
}

/** The path of the written proof; null if nothing was to be proven. Throws FILE_UNWRITABLE. */
async function writeProof(
  standing: LogStanding,
  asked: ModulesAsked | undefined,
  file: string,
  out: Output,
): Promise<string | null> {
  if (standing.kind !== 'record' || asked?.proveRecord === undefined) {
    out.talk(`gossum: no proof is written, because no record was proven`, { important: true })
    return null
  }
  await writeFileAnew(file, await asked.proveRecord(standing.id))
  return file
}

// ---- this machine ----------------------------------------------------------------------------------------------

async function localViews(module: ModuleVersion, flags: ModuleFlags): Promise<HolderViews> {
  return { 'go.sum': await viewOfGoSum(module, flags.goSum), ...(await cacheViews(module, flags.modcache)) }
}

async function cacheViews(module: ModuleVersion, named: string | undefined): Promise<HolderViews> {
  try {
    return await viewsOfCache(named ?? moduleCache(), module)
  } catch (error) {
    if (!(error instanceof GossumError)) throw error
    return { cache: { kind: 'unknown', reason: error.message } }
  }
}

/** Throws FILE_UNREADABLE if a file was named and cannot be read. */
async function viewOfGoSum({ path, version }: ModuleVersion, named: string | undefined): Promise<HolderView> {
  const file = named ?? 'go.sum'
  try {
    const { lines } = parseGoSum(file, await readFileBounded(file, MAX_GO_SUM_BYTES))
    const own = lines.filter((line) => line.module === path && line.version === version)
    if (own.length === 0) return { kind: 'absent', reason: `no line of ${file}` }
    const texts = own.map(({ kind, hash }) => `${path} ${version}${kind === 'mod' ? '/go.mod' : ''} ${hash}`)
    return { kind: 'has', hashes: hashesOfRecord(texts), from: file }
  } catch (error) {
    if (named === undefined && isMissingFile(error)) return { kind: 'not-asked', reason: 'there is no go.sum here' }
    if (named === undefined || !(error instanceof GossumError)) throw error
    throw new HintedError(error, 'name another with --go-sum FILE')
  }
}
