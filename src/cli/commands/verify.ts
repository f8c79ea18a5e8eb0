/** `gossum verify`: offline verdicts on files. */
import { Command } from 'commander'
import { SUM_GOLANG_ORG } from '../../config/config.js'
import { parseDuration } from '../../config/mirror-setting.js'
import { errorCode, GossumError } from '../../errors.js'
import { recordsTold } from '../../evidence/evidence.js'
import { MAX_POLICY_BYTES, parsePolicy } from '../../tlog/policy.js'
import { moduleText, placesOf } from '../../status/evidence-words.js'
import { counted } from '../ui/node-text.js'
import { collect } from '../common-flags.js'
import { EXIT, exitCodeOf } from '../exit.js'
import { readFileBounded, readPolicyFile } from '../named-files.js'
import { parseLogKey } from '../log-key.js'
import { output, type Output, type OutputFlags } from '../ui/output.js'
import { judge, type TrustedKeys, type FileVerdict } from './verdict.js'
import { grouped } from '../../lib/words.js'

interface VerifyFlags extends OutputFlags {
  readonly log?: string[]
  readonly policy?: string
  readonly record?: string
  readonly maxAge?: string
}

/** The largest file that is read, in bytes: more than any valid file can have. */
const MAX_FILE_BYTES = 8 * 1024 * 1024

export function command(): Command {
  return new Command('verify')
    .description('check heads, evidence and proofs in files, offline; what a file says about keys is never believed')
    .argument('<FILE...>', 'files; - is stdin')
    .option('--log <VKEY>', 'key of a log to trust (repeatable; default: that of sum.golang.org)', collect)
    .option('--policy <FILE>', 'trust its logs and witnesses, and require its quorum on heads (C2SP tlog-policy)')
    .option('--max-age <DURATION>', 'do not count older cosignatures, such as 2h: a copied head may be old')
    .option('--record <FILE>', 'the record that a proof is about, if it is not in the proof')
    .addHelpText(
      'after',
      `
Examples:
  gossum verify head.txt                           a head of sum.golang.org
  gossum verify --log VKEY evidence.json           evidence against another log
  gossum verify --policy FILE evidence.json        evidence against a witness that the policy names
  gossum verify --json bad.json | jq -r .module    the module version that two records contradict each other about
  curl -s https://sum.golang.org/latest | gossum verify --json -
  gossum verify --policy FILE --max-age 2h head.txt   that a quorum signed it within two hours

Exit code 0 when every file is valid, 2 when one is not, 1 when one cannot be read.
`,
    )
    .action(async (files: string[], _options: unknown, self: Command) => {
      const flags = self.optsWithGlobals<VerifyFlags>()
      process.exitCode = await verify(files, flags, output(flags))
    })
}

async function verify(files: readonly string[], flags: VerifyFlags, out: Output): Promise<number> {
  const trust = await trustOf(flags)
  const record = flags.record === undefined ? undefined : await readFileBounded(flags.record, MAX_FILE_BYTES)
  let exit: number = EXIT.fine
  let isUntrusted = false
  let isUnknownWitness = false
  for (const file of files) {
    try {
      const verdict = judge(await readFileBounded(file, MAX_FILE_BYTES), trust, record)
      out.json({ file, ...verdict })
      out.line(describe(file, verdict, trust, out))
      isUntrusted ||= verdict.code === 'LOG_UNKNOWN'
      isUnknownWitness ||= verdict.code === 'WITNESS_UNKNOWN'
      if (verdict.verdict === 'invalid') exit = EXIT.refused
    } catch (error) {
      out.error(error)
      exit = Math.max(exit, exitCodeOf(errorCode(error)))
    }
  }
  if (isUntrusted) out.hint('name its key with --log VKEY')
  if (isUnknownWitness) out.hint('trust the witness with --policy FILE')
  return exit
}

/** The keys given with --log and in the policy; by default that of sum.golang.org. */
async function trustOf({ log, policy: path, maxAge }: VerifyFlags): Promise<TrustedKeys> {
  const named = (log ?? []).map(parseLogKey)
  const ms = maxAge === undefined ? undefined : ageOf(maxAge)
  if (path === undefined && ms !== undefined)
    throw new GossumError('USAGE', '--max-age is about a quorum: --policy FILE')
  if (path === undefined) return { logs: log === undefined ? [parseLogKey(SUM_GOLANG_ORG)] : named }
  const policy = parsePolicy(await readPolicyFile(path, MAX_POLICY_BYTES))
  const logs = [...named, ...policy.logs.flatMap(({ key }) => key ?? [])]
  const isSilent = log === undefined && policy.logs.length === 0
  const trusted = { logs: isSilent ? [parseLogKey(SUM_GOLANG_ORG)] : logs, policy }
  const now = Date.now()
  return ms === undefined ? trusted : { ...trusted, notBefore: now - ms }
}

/** A duration in milliseconds. */
function ageOf(text: string): number {
  try {
    return parseDuration(text, 'max-age')
  } catch (error) {
    if (error instanceof GossumError) throw new GossumError('USAGE', `--max-age: ${error.detail}`, error)
    throw error
  }
}

/** One line for people, beginning with the verdict. */
function describe(file: string, verdict: FileVerdict, trust: TrustedKeys, out: Output): string {
  const { kind, reason } = verdict
  if (verdict.verdict === 'invalid') return `${out.paint('red', 'invalid')} ${kind}  ${file}: ${reason!}`
  const name = verdict.log!.split('+', 1)[0]!
  return [`${out.paint('green', 'valid')} ${kind}`, name, ...facts(verdict, trust), file].join('  ')
}

function facts(verdict: FileVerdict, trust: TrustedKeys): string[] {
  const { kind, size, root, cosignatures, sizes, type, id, index, witness, module } = verdict
  if (kind === 'evidence') {
    const whom = witness === undefined ? 'the log' : `the witness ${witness.split('+', 1)[0]!}`
    const places = placesOf({ sizes: sizes!, ...recordsTold(verdict) })
    const which = module === undefined ? [] : [moduleText(module)]
    return [`${type!} at ${places}`, ...which, `convicts ${whom}`, `id ${id!}`]
  }
  const verified = cosignatures.filter((line) => line.verified).length
  const all = counted(cosignatures.length, 'cosignature')
  const checked = trust.policy === undefined ? `${all}, not checked (no --policy)` : `${verified} of ${all} verified`
  return [
    ...(kind === 'proof' ? [`record ${grouped(index!)}`] : []),
    `size ${grouped(size!)}`,
    `root ${root!}`,
    ...(cosignatures.length === 0 ? [] : [checked]),
  ]
}
