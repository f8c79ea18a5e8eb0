/** Runs two nodes, lets them exchange messages, stops them, and must then end without help: see sync.test.ts. */
import '../../../src/lib/polyfill.js'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { Mesh, type MeshOptions } from '../../../src/gossip/mesh.js'
import { utf8 } from '../../../src/tlog/bytes.js'
import { logId } from '../../../src/tlog/checkpoint.js'

const log = logId('sum.example', 'go.sum database tree')

async function start(bootstrap: string[], heard: () => void, listen = '/ip4/127.0.0.1/tcp/0'): Promise<Mesh> {
  const handlers: MeshOptions['handlers'] = {
    submit: () => {
      heard()
      return Promise.resolve({ kind: 'known', news: false })
    },
    submitEvidence: () => Promise.resolve('known'),
    heads: () => Promise.resolve([utf8('head')]),
    evidenceIds: () => Promise.resolve([]),
    evidence: () => Promise.resolve(undefined),
    prefix: () => Promise.reject(new Error('never asked')),
    tile: () => Promise.resolve(undefined),
    signedBy: () => Promise.resolve({ heads: [], promises: [] }),
    keepPromise: () => Promise.resolve(false),
    keepLine: () => Promise.resolve(),
    told: () => Promise.resolve(),
    answered: () => undefined,
  }
  const peerKey = await generateKeyPair('Ed25519')
  return Mesh.start({ reach: { peerKey, listen: [listen], bootstrap }, own: { logs: [log], keys: [] }, handlers })
}

const first = await start([], () => undefined)
const meshes = [first]
await new Promise<void>((resolve, reject) => {
  start([...first.multiaddrs(), '/ip4/127.0.0.1/tcp/1'], resolve).then((mesh) => meshes.push(mesh), reject)
})
// A start that fails leaves nothing behind either.
await start([], () => undefined, first.multiaddrs()[0]!.replace(/\/p2p\/.*$/, '')).then(
  () => process.stdout.write('two on one port, '),
  () => undefined,
)
await Promise.all(meshes.map((mesh) => mesh.stop()))
process.stdout.write('stopped')
