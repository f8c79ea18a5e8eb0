/** A node in this process that mirrors a folder of modules, some of which its log has recorded. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { onTestFinished } from 'vitest'
import { loadConfig, type Settings } from '../../src/config/config.js'
import { goModHash, hash1 } from '../../src/module/dirhash.js'
import type { NodeEvent } from '../../src/node/events.js'
import { createNode, type GossumNode } from '../../src/node/node.js'
import type { NewRecord } from '../../src/sumdb/log-server.js'
import { sha256 } from '../../src/tlog/hash.js'
import { toHex, utf8 } from '../../src/tlog/bytes.js'
import { makeSignerKey, SIGNATURE_TYPES } from '../../src/tlog/note.js'
import { LyingLog, memoryLog } from '../fakes/lying-log.js'
import { temporaryHome } from './home.js'
import { makeZip } from './zips.js'

const signer = makeSignerKey('sum.example/mirrored', SIGNATURE_TYPES.ed25519, new Uint8Array(32).fill(11))

export interface MirrorNode {
  readonly node: GossumNode
  readonly home: string
  /** The URL of the folder. */
  readonly url: string
  readonly events: readonly NodeEvent[]
  /** The folder that is mirrored. */
  readonly upstream: string
  readonly log: LyingLog
}

/** Writes a module version into a folder in GOPROXY layout. Returns its record for a log. */
export function publish(folder: string, path: string, version: string, text: string): NewRecord {
  const goMod = `module ${path}\n`
  const files = [
    { name: `${path}@${version}/go.mod`, data: goMod },
    { name: `${path}@${version}/a.go`, data: text },
  ]
  const put = (name: string, data: string | Uint8Array): void => {
    const file = join(folder, path, '@v', name)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, data)
  }
  put(`${version}.zip`, makeZip(files))
  put(`${version}.mod`, goMod)
  put(`${version}.info`, JSON.stringify({ Version: version, Time: '2024-01-01T00:00:00Z' }))
  put('list', `${version}\n`)
  const zip = hash1(files.map(({ name, data }) => ({ name, sha256: toHex(sha256(utf8(data))) })))
  return { path, version, text: `${path} ${version} ${zip}\n${path} ${version}/go.mod ${goModHash(utf8(goMod))}\n` }
}

/** Starts a node whose log has everything that `fill` publishes, and waits until it has a quorum head. */
export async function startMirror(fill: (folder: string) => NewRecord[], settings: Settings = {}): Promise<MirrorNode> {
  const [home, upstream] = [settings.home ?? temporaryHome(), temporaryHome()]
  const log = await LyingLog.start(await memoryLog(signer, fill(upstream)))
  onTestFinished(() => log.close())
  const events: NodeEvent[] = []
  let onQuorum = (): void => undefined
  const quorum = new Promise<void>((resolve) => (onQuorum = resolve))
  const mirror = [pathToFileURL(upstream).href]
  const common = { home, log: [`${signer.verifier.vkey} ${log.url}`], listen: [], http: '127.0.0.1:0', poll: 3600 }
  const node = await createNode(loadConfig({ ...common, mirror, ...settings }, { env: {} }), (event) => {
    events.push(event)
    if (event.event === 'quorum') onQuorum()
  })
  onTestFinished(() => node.stop())
  // A home that already has a quorum head sends no event for it.
  if ((await node.view.status()).logs[0]!.quorum === null) await quorum
  return { node, home, url: `${node.http}/mod`, events, upstream, log }
}
