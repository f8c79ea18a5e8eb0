/** `gossum key`: the two keys of a node, in two files. The witness key is precious, the peer key replaceable. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { loadConfig } from '../config.js'
import { GossumError } from '../errors.js'
import { createWitnessKey, loadWitnessKey } from '../keys.js'
import type { CommonFlags } from './command.js'
import { output, type Output } from './output.js'

interface KeyFlags extends CommonFlags {
  readonly name?: string
}

export function command(): Command {
  const key = new Command('key').description('the keys of a node').addHelpText(
    'after',
    `
Examples:
  gossum key new --name witness.example.org/w1
  gossum key show
  gossum key show --json | jq -r .witness
`,
  )
  key
    .command('new')
    .description('make the witness key, and the peer key if there is none; never overwrites')
    .option('--name <KEYNAME>', 'name of the witness key (default: gossum- and 8 random hex digits)')
    .addHelpText(
      'after',
      `
Examples:
  gossum key new
  gossum key new --name witness.example.org/w1     the name is part of the key: choose one that is yours
  gossum key new --home /var/lib/gossum --json
`,
    )
    .action(async (_options: unknown, self: Command) => newKeys(self.optsWithGlobals<KeyFlags>()))
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
function settings({ home, name, config }: KeyFlags): { witness: string; peer: string; name: string | undefined } {
  const flags = { ...(home === undefined ? {} : { home }), ...(name === undefined ? {} : { name }) }
  const loaded = loadConfig(flags, { ...(config === undefined ? {} : { file: config }), policy: false, book: false })
  return { witness: join(loaded.home, 'witness.key'), peer: join(loaded.home, 'peer.key'), name: loaded.name }
}

async function newKeys(flags: KeyFlags): Promise<void> {
  const { witness, peer, name } = settings(flags)
  const { verifier } = await createWitnessKey(witness, name)
  const out = output(flags)
  out.talk(`made ${witness}: keep a copy; who has it is this witness`)
  print(out, verifier.vkey, await peerId(peer))
}

async function showKeys(flags: KeyFlags): Promise<void> {
  const { witness, peer } = settings(flags)
  const signer = await loadWitnessKey(witness)
  if (signer === undefined) throw new GossumError('KEY_MISSING', witness)
  print(output(flags), signer.verifier.vkey, existsSync(peer) ? await peerId(peer) : null)
}

/** The peer id of the key file, which is made when there is none. libp2p is loaded only for this. */
async function peerId(path: string): Promise<string> {
  const { loadOrCreatePeerKey, peerIdOf } = await import('../gossip/peer-key.js')
  return peerIdOf(await loadOrCreatePeerKey(path))
}

function print(out: Output, witness: string, peer: string | null): void {
  out.json({ witness, peerId: peer })
  out.line(`witness  ${witness}`)
  out.line(`peer id  ${peer ?? 'none yet: the node makes it when it starts'}`)
}
