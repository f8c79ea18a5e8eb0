/** The heads that a node holds at its start, and the keys whose cosignatures it reads in them and in those to come. */
import { CosignedHeads } from '../witness/cosigned.js'
import { quorumOf } from '../witness/quorum.js'
import { SignatureCache } from '../witness/signature-cache.js'
import { Suspects } from '../witness/suspects.js'
import type { KnownHeads, NodeBase } from './base.js'
import { quorumEvent } from './events.js'

export async function knownHeads({ config, keyring, store, news, mesh }: NodeBase): Promise<KnownHeads> {
  const quorum = quorumOf(config.policy, keyring.witnesses, () => store.convictions.convicted())
  // Keys whose cosignatures peers are asked to pass on: this node needs no others.
  const counts = (config.policy?.witnesses ?? []).flatMap(({ key }) => key?.vkey ?? [])
  // A witness that we feed but do not count is treated like one that only neighbours count: kept and passed on.
  const fed = config.places.flatMap(({ key }) => (key === undefined || counts.includes(key.vkey) ? [] : key))
  // Our auditor has a name of its own: our policy counts it or not, like any other witness.
  const auditor = keyring.auditor?.verifier
  const audited = auditor === undefined || counts.includes(auditor.vkey) ? [] : [auditor]
  const relayed: KnownHeads['relayed'] = () => [...fed, ...audited, ...mesh.relayed()]
  const signatures = new SignatureCache()
  const onQuorum: ConstructorParameters<typeof CosignedHeads>[2] = (log, head) => {
    news.tell(quorumEvent(log, head))
    news.emit('changed', log)
  }
  const cosigned = new CosignedHeads(store, quorum, onQuorum, relayed, signatures)
  return { cosigned, suspects: await Suspects.load(store.suspects), quorum, counts, relayed, signatures }
}
