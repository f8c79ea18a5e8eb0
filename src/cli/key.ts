/** `gossum key`: the two keys of a node, in two files. The witness key is precious, the peer key replaceable. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { loadConfig } from '../config.js'
import { GossumError } from '../errors.js'
import { importAgentKey, importWitnessKey } from '../key-import.js'
import {
  createSecondKey,
  createWitnessKey,
  loadSecondKey,
  loadWitnessVerifier,
  SECOND_FILE,
  WITNESS_FILE,
} from '../keys.js'
import type { CommonFlags } from './command.js'
import { output, type Output } from './output.js'

interface KeyFlags extends CommonFlags {
  readonly name?: string
  readonly mlDsa?: boolean
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
    .description('make the witness key, and the peer key if there is none; never overwrites')
    .option('--name <KEYNAME>', 'name of the witness key (default: gossum- and 8 random hex digits)')
    .option(
      '--ml-dsa',
      'an ML-DSA-44 key too, under the same name; beside a witness key that is there already, that one alone',
    )
    .addHelpText(
      'after',
      `
Examples:
  gossum key new
  gossum key new --name witness.example.org/w1     the name is part of the key: choose one that is yours
  gossum key new --ml-dsa                          the node then cosigns with both keys
  gossum key new --home /var/lib/gossum --json
`,
    )
    .action(async (_options: unknown, self: Command) => newKeys(self.optsWithGlobals<KeyFlags>()))
  key
    .command('import [FILE]')
    .description('make the witness key of a key that is there already; never overwrites')
    .option('--name <KEYNAME>', 'name of the witness key (an OpenSSH key needs one; a witness key keeps its own)')
    .option('--ssh-agent', 'the key stays in the ssh-agent at $SSH_AUTH_SOCK, which signs for the node; needs --name')
    .option('--fingerprint <SHA256:...>', 'which key of the ssh-agent, when it holds several')
    .addHelpText(
      'after',
      `
FILE is a signer key of Go's note library (PRIVATE+KEY+...) or an unencrypted OpenSSH Ed25519 private key. It must be
readable by its owner alone, and stays as it is. A witness must not forget what it signed: whatever has signed with
this key until now has to stop first (see "Keys" in docs/operating.md).

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

/** Where the keys are, and the name of a new one. A policy is often written only when the keys are known. */
function settings({ home, name, config }: KeyFlags): {
  witness: string
  second: string
  peer: string
  name: string | undefined
  agentSocket: string | undefined
} {
  const flags = { ...(home === undefined ? {} : { home }), ...(name === undefined ? {} : { name }) }
  const loaded = loadConfig(flags, { ...(config === undefined ? {} : { file: config }), policy: false, book: false })
  const [witness, second, peer] = [WITNESS_FILE, SECOND_FILE, 'peer.key'].map((file) => join(loaded.home, file))
  return { witness: witness!, second: second!, peer: peer!, name: loaded.name, agentSocket: loaded.agentSocket }
}

async function newKeys(flags: KeyFlags): Promise<void> {
  const { witness, second, peer, name } = settings(flags)
  const out = output(flags)
  const made = (path: string): void => out.talk(`made ${path}: keep a copy; who has it is this witness`)
  const existing = flags.mlDsa === true ? await loadWitnessVerifier(witness) : undefined
  if (existing !== undefined && name !== undefined && name !== existing.name) {
    throw new GossumError('USAGE', `--name: the witness is ${existing.name}, and so is its second key`)
  }
  const verifier = existing ?? (await createWitnessKey(witness, name)).verifier
  if (existing === undefined) made(witness)
  if (flags.mlDsa !== true) return print(out, verifier.vkey, await peerId(peer))
  const { vkey } = (await createSecondKey(second, verifier.name)).verifier
  made(second)
  print(out, verifier.vkey, await peerId(peer), vkey)
}

async function importKey(file: string | undefined, flags: KeyFlags): Promise<void> {
  if (flags.sshAgent === true) return importFromAgent(file, flags)
  if (file === undefined) throw new GossumError('USAGE', 'FILE or --ssh-agent expected')
  if (flags.fingerprint !== undefined) throw new GossumError('USAGE', '--fingerprint goes with --ssh-agent')
  const { witness, peer } = settings(flags)
  const { verifier, wasLogKey } = await importWitnessKey(witness, file, flags.name)
  const out = output(flags)
  out.talk(`made ${witness} of ${file}: keep a copy; who has it is this witness`)
  if (wasLogKey !== undefined) {
    const was = `${wasLogKey.name}+${wasLogKey.keyId}`
    const is = `${verifier.name}+${verifier.keyId}`
    out.talk(`that was the key of a log, ${was}: now its secret is that of a witness too, ${is}`, { important: true })
  }
  out.talk('nothing else may sign with it from now on', { important: true })
  print(out, verifier.vkey, await peerId(peer))
}

async function importFromAgent(file: string | undefined, flags: KeyFlags): Promise<void> {
  if (file !== undefined) throw new GossumError('USAGE', 'FILE or --ssh-agent expected, not both')
  const { witness, peer, name, agentSocket: socket } = settings(flags)
  if (name === undefined)
    throw new GossumError('USAGE', 'a key in an ssh-agent has no name of a witness: give it --name NAME')
  const verifier = await importAgentKey(witness, { socket }, name, flags.fingerprint)
  const out = output(flags)
  out.talk(
    `made ${witness}: it names the public key, and the ssh-agent signs; nothing else may sign with it from now on`,
  )
  print(out, verifier.vkey, await peerId(peer))
}

async function showKeys(flags: KeyFlags): Promise<void> {
  const { witness, second, peer } = settings(flags)
  const verifier = await loadWitnessVerifier(witness)
  if (verifier === undefined) throw new GossumError('KEY_MISSING', witness)
  const mlDsa = (await loadSecondKey(second, verifier.name))?.verifier.vkey
  print(output(flags), verifier.vkey, existsSync(peer) ? await peerId(peer) : null, mlDsa)
}

/** The peer id of the key file, which is made when there is none. libp2p is loaded only for this. */
async function peerId(path: string): Promise<string> {
  const { loadOrCreatePeerKey, peerIdOf } = await import('../gossip/peer-key.js')
  return peerIdOf(await loadOrCreatePeerKey(path))
}

function print(out: Output, witness: string, peer: string | null, mlDsa?: string): void {
  out.json({ witness, peerId: peer, ...(mlDsa !== undefined && { mlDsa }) })
  out.line(`witness  ${witness}`)
  if (mlDsa !== undefined) out.line(`and      ${mlDsa}`)
  out.line(`peer id  ${peer ?? 'none yet: the node makes it when it starts'}`)
}
