/**
 * `gossum key`: the keys of a node, one file each. Those of the witness must not be lost; the peer key can be replaced.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { loadConfig, type LogSetting } from '../../config/config.js'
import { GossumError } from '../../errors.js'
import { importAgentKey, importWitnessKey } from '../../keys/import.js'
import {
  createAuditorKey,
  createLogKey,
  keyMissing,
  readKeyring,
  requireWitnessHome,
  type WitnessKeyring,
} from '../../keys/keyring.js'
import {
  AUDITOR_FILE,
  createSecondKey,
  createWitnessKey,
  loadWitnessVerifier,
  SECOND_FILE,
  WITNESS_FILE,
} from '../../keys/key-file.js'
import { collect, type CommonFlags } from '../common-flags.js'
import { output, type Output } from '../ui/output.js'

interface KeyFlags extends CommonFlags {
  readonly name?: string
  readonly mlDsa?: boolean
  readonly auditor?: boolean
  /** A log: its id, its key name or its verifier key. */
  readonly for?: string
  readonly log?: string[]
  readonly sshAgent?: boolean
  readonly fingerprint?: string
}

export function command(): Command {
  const key = new Command('key').description('the keys of a node').addHelpText(
    'after',
    `
Examples:
  gossum key new --name witness.example.org/w1
  gossum key import ~/.ssh/id_witness --name witness.example.org/w1
  gossum key show
  gossum key show --json | jq -r .witness
`,
  )
  key
    .command('new')
    .description('make the witness key, and the peer key if there is none; never overwrites a key')
    .option('--name <KEYNAME>', 'name of the witness key (default: gossum- and 8 random hex digits)')
    .option('--ml-dsa', 'also an ML-DSA-44 key with the same name; if there is a witness key already, only that one')
    .option(
      '--auditor',
      'the key that cosigns what gossum run --audit has read in full; named after the witness, or --name (docs/operating.md)',
    )
    .option(
      '--for <LOG>',
      'a key that cosigns only this log (id, key name or key), for when another log has the same origin',
    )
    .option(
      '--log <"VKEY URL [ORIGIN]">',
      'with --for: the logs, if gossum run is given them with --log (repeatable)',
      collect,
    )
    .addHelpText(
      'after',
      `
Examples:
  gossum key new
  gossum key new --name witness.example.org/w1     the name is part of the key: choose one that is yours
  gossum key new --ml-dsa                          the node then cosigns with both keys
  gossum key new --auditor                         the node can then cosign what it has audited: run it with --audit
  gossum key new --for sum.example.org             next to sum.golang.org: all checksum databases share one origin
  gossum key new --home /var/lib/gossum --json
`,
    )
    .action(async (_options: unknown, self: Command) => {
      const flags = self.optsWithGlobals<KeyFlags>()
      if (flags.auditor === true) await newAuditorKey(flags)
      else await (flags.for === undefined ? newKeys(flags) : newLogKey(flags.for, flags))
    })
  key
    .command('import [FILE]')
    .description('make the witness key from an existing key; never overwrites a key')
    .option('--name <KEYNAME>', 'name of the witness key (an OpenSSH key needs one; a witness key keeps its own)')
    .option('--ssh-agent', 'the key stays in the ssh-agent at $SSH_AUTH_SOCK, which signs for the node; needs --name')
    .option('--fingerprint <SHA256:...>', 'which key of the ssh-agent, when it holds several')
    .addHelpText(
      'after',
      `
FILE is a signer key of Go's note library (PRIVATE+KEY+...) or an unencrypted OpenSSH Ed25519 private key. It must be
readable by its owner alone, and stays as it is. A witness must not forget what it signed: whatever has signed with
this key until now must stop first (see "Keys" in docs/operating.md).

With --ssh-agent there is no FILE: witness.key then names the public key, and gossum run asks the agent for signatures.

Examples:
  gossum key import witness.skey                                  keeps its name
  gossum key import ~/.ssh/id_witness --name witness.example.org/w1
  gossum key import log.skey --name witness.example.org/w1        a log key becomes a witness key, with another id
  gossum key import --ssh-agent --name witness.example.org/w1     the private key never leaves the agent
`,
    )
    .action(async (file: string | undefined, _options: unknown, self: Command) =>
      importKey(file, self.optsWithGlobals<KeyFlags>()),
    )
  key
    .command('show')
    .description('print the verifier key and the peer id; never a secret')
    .addHelpText(
      'after',
      `
Examples:
  gossum key show
  gossum key show --home /var/lib/gossum
  gossum key show --json | jq -r .peerId
`,
    )
    .action(async (_options: unknown, self: Command) => showKeys(self.optsWithGlobals<KeyFlags>()))
  return key
}

/**
 * Makes the key that cosigns one log, where several share its origin. Throws LOG_UNKNOWN, USAGE, and as createLogKey
 * does.
 */
async function newLogKey(what: string, flags: KeyFlags): Promise<void> {
  if (flags.mlDsa === true) throw new GossumError('USAGE', '--for cannot be combined with --ml-dsa')
  const { home, config, log: set } = flags
  const loaded = loadConfig({ home, log: set }, { ...(config === undefined ? {} : { file: config }), policy: false })
  const log = findLog(what, loaded.logs)
  if (!loaded.logs.some(({ id, origin }) => origin === log.origin && id !== log.id)) {
    const why = `no other log that is followed has the origin ${JSON.stringify(log.origin)}: the witness key cosigns it`
    throw new GossumError('USAGE', `--for ${log.key.name}: ${why}`)
  }
  const keyring = await requireKeyring(loaded.home)
  const name = flags.name ?? `${keyring.first.verifier.name}/${log.key.name}`
  const { verifier } = await createLogKey(loaded.home, log.id, name, keyring)
  const out = output(flags)
  out.talk(
    `made the key that cosigns ${log.key.name}, ${verifier.vkey}: keep a copy; the node uses it from its next start on`,
  )
  await print(out, await requireKeyring(loaded.home), join(loaded.home, 'peer.key'))
}

/**
 * Makes the key of the auditor, in addition to a witness key. Throws USAGE, KEY_MISSING, and as createAuditorKey does.
 */
async function newAuditorKey(flags: KeyFlags): Promise<void> {
  const other = flags.mlDsa === true ? '--ml-dsa' : flags.for !== undefined ? '--for' : flags.log && '--log'
  if (other !== undefined) throw new GossumError('USAGE', `--auditor cannot be combined with ${other}`)
  const { home, peer } = settings(flags)
  const keyring = await requireKeyring(home)
  const name = flags.name ?? `${keyring.first.verifier.name}/auditor`
  await createAuditorKey(home, name, keyring)
  const out = output(flags)
  out.talk(`made ${join(home, AUDITOR_FILE)}: keep a copy; gossum run --audit uses it from its next start on`)
  await print(out, await requireKeyring(home), peer)
}

function findLog(what: string, logs: readonly LogSetting[]): LogSetting {
  const found = logs.filter(({ id, key }) => [id, key.name, key.vkey].includes(what))
  const [log] = found
  if (log === undefined)
    throw new GossumError('LOG_UNKNOWN', `${what} (gossum log list; --log for those given to gossum run with a flag)`)
  if (found.length > 1)
    throw new GossumError('USAGE', `--for: ${what} means several logs: ${found.map(({ id }) => id).join(', ')}`)
  return log
}

/** The keys of a home; none is created. Throws KEY_MISSING, NO_WITNESS or KEY_FILE_INVALID. */
async function requireKeyring(home: string): Promise<WitnessKeyring> {
  if ((await loadWitnessVerifier(join(home, WITNESS_FILE))) === undefined) throw keyMissing(home)
  return readKeyring(home, {})
}

/**
 * The home of the keys, and the name for a new one. The policy is not read: it is often written only after the keys are
 * known. Throws NO_WITNESS.
 */
function settings({ home, name, config }: KeyFlags): {
  home: string
  witness: string
  second: string
  peer: string
  name: string | undefined
  agentSocket: string | undefined
} {
  const flags = { ...(home === undefined ? {} : { home }), ...(name === undefined ? {} : { name }) }
  const loaded = loadConfig(flags, { ...(config === undefined ? {} : { file: config }), policy: false, book: false })
  requireWitnessHome(loaded.home)
  const [witness, second, peer] = [WITNESS_FILE, SECOND_FILE, 'peer.key'].map((file) => join(loaded.home, file))
  return {
    home: loaded.home,
    witness: witness!,
    second: second!,
    peer: peer!,
    name: loaded.name,
    agentSocket: loaded.agentSocket,
  }
}

async function newKeys(flags: KeyFlags): Promise<void> {
  const { home, witness, second, peer, name } = settings(flags)
  if (flags.log !== undefined) throw new GossumError('USAGE', '--log is only for --for')
  const out = output(flags)
  const made = (path: string): void => out.talk(`made ${path}: keep a copy; whoever has it is this witness`)
  const existing = flags.mlDsa === true ? await loadWitnessVerifier(witness) : undefined
  if (existing !== undefined && name !== undefined && name !== existing.name) {
    throw new GossumError('USAGE', `--name: the witness is ${existing.name}, and so is its second key`)
  }
  const verifier = existing ?? (await createWitnessKey(witness, name)).verifier
  if (existing === undefined) made(witness)
  if (flags.mlDsa === true) {
    await createSecondKey(second, verifier.name)
    made(second)
  }
  await peerId(peer)
  await print(out, await requireKeyring(home), peer)
}

async function importKey(file: string | undefined, flags: KeyFlags): Promise<void> {
  if (flags.sshAgent === true) return importFromAgent(file, flags)
  if (file === undefined) throw new GossumError('USAGE', 'FILE or --ssh-agent expected')
  if (flags.fingerprint !== undefined) throw new GossumError('USAGE', '--fingerprint is only for --ssh-agent')
  const { home, witness, peer } = settings(flags)
  const { verifier, wasLogKey } = await importWitnessKey(witness, file, flags.name)
  const out = output(flags)
  out.talk(`made ${witness} from ${file}: keep a copy; whoever has it is this witness`)
  if (wasLogKey !== undefined) {
    const was = `${wasLogKey.name}+${wasLogKey.keyId}`
    const is = `${verifier.name}+${verifier.keyId}`
    out.talk(`that was the key of a log, ${was}: now its secret is also that of a witness, ${is}`, { important: true })
  }
  out.talk('nothing else may sign with it from now on', { important: true })
  await peerId(peer)
  await print(out, await requireKeyring(home), peer)
}

async function importFromAgent(file: string | undefined, flags: KeyFlags): Promise<void> {
  if (file !== undefined) throw new GossumError('USAGE', 'FILE or --ssh-agent expected, not both')
  const { home, witness, peer, name, agentSocket: socket } = settings(flags)
  if (name === undefined)
    throw new GossumError('USAGE', 'a key in an ssh-agent has no witness name: give one with --name NAME')
  await importAgentKey(witness, { socket }, name, flags.fingerprint)
  const out = output(flags)
  out.talk(
    `made ${witness}: it names the public key, and the ssh-agent signs; nothing else may sign with it from now on`,
  )
  await peerId(peer)
  await print(out, await requireKeyring(home), peer)
}

async function showKeys(flags: KeyFlags): Promise<void> {
  const { home, peer } = settings(flags)
  await print(output(flags), await requireKeyring(home), peer)
}

/** The peer id of the key file, which is created if missing. libp2p is loaded only for this. */
async function peerId(path: string): Promise<string> {
  const { loadOrCreatePeerKey, peerIdOf } = await import('../../gossip/host/peer-key.js')
  return peerIdOf(await loadOrCreatePeerKey(path))
}

/** The public halves of all keys; no peer key is created. */
async function print(
  out: Output,
  { first, second, ofLogs, auditor: auditing }: WitnessKeyring,
  peer: string,
): Promise<void> {
  const id = existsSync(peer) ? await peerId(peer) : null
  const witness = first.verifier.vkey
  const mlDsa = second?.verifier.vkey
  const logs = [...ofLogs].map(([log, { verifier }]) => ({ id: log, witness: verifier.vkey }))
  const auditor = auditing?.verifier.vkey
  out.json({
    witness,
    peerId: id,
    ...(mlDsa !== undefined && { mlDsa }),
    ...(logs.length > 0 && { logs }),
    ...(auditor !== undefined && { auditor }),
  })
  out.line(`witness  ${witness}`)
  if (mlDsa !== undefined) out.line(`and      ${mlDsa}`)
  for (const log of logs) out.line(`for log  ${log.id.slice(0, 12)}  ${log.witness}`)
  if (auditor !== undefined) out.line(`auditor  ${auditor}`)
  out.line(`peer id  ${id ?? 'none yet: the node makes it when it starts'}`)
}
