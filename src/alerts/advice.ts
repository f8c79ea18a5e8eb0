/** What to do about each alert, in one sentence, and the section of docs/runbook.md with more. Pure. */
import type { ConditionName } from '../status/conditions.js'
import type { Advice } from './alert.js'

const ADVICE: Readonly<Record<ConditionName, string>> = {
  frozen:
    'save the evidence, publish it, and ask the operator of the log; gossum evidence ack ID lets the node sign again',
  paused: 'read the reason, and resolve the disagreement between the journal and the database',
  'origin taken': 'make a key for this log: gossum key new --for LOG',
  behind: 'wait until the log or a peer shows the head that this key has signed; do not start it without its home',
  unreachable: 'check the network of this machine, and whether others reach the log',
  'bad answer': 'check what answers at the URL of the log: a sign-in page, a proxy, another log',
  unverified: 'read the reason; if others see the log, check what is between it and this node',
  suspect: 'wait: often the servers of a log lag behind each other',
  'unexplained head': 'ask others what they see of the log, and compare heads: gossum heads',
  'no quorum': 'see which witnesses are silent: gossum policy check FILE --node URL',
  'not cosigned': 'look at the events of the node; if they do not say why, report a bug',
  'standing still': 'ask the operator of the log, and others on other networks, whether it has a newer head',
  'view behind': 'ask the log from another network: someone between it and this node may be holding heads back',
  'bad record': 'read the findings; ask the operator of the log',
  'audit failing': 'read the reason; it is tried again every minute',
  'own key convicted': 'stop the node, and find out who else signs with its key',
  'witness convicted': 'ask the operator of the witness: its key signed two histories',
  'disk failing': 'free space on the disk of the home, and check its permissions',
  'evidence unwritten': 'save a copy now (gossum evidence show ID), then free space on the disk',
  'guard waiting': 'wait: peers are being asked what this key has signed',
  'guard unanswered': 'check that the bootstrap peers are running and reachable',
  'duplicate key': 'stop one of the two nodes that sign with this key',
  'partly guarded': 'check that all bootstrap peers are running',
  undeposited: 'check that enough chosen peers are connected: gossum peers',
  'deposits impossible': 'name peers with --bootstrap',
  'nobody chosen': 'name peers with --bootstrap',
  'clock ahead': 'set the clock and keep it synchronised',
  'clock behind': 'set the clock and keep it synchronised',
  'promise ahead': 'set the clock; wait until it has passed the newest cosignature',
  'clock before release': 'set the clock: until then nothing is signed',
  'agent away': 'start the ssh-agent, and load the witness key into it',
  'state away': 'restore the database, or switch to a standby; docs/two-machines.md describes each failure',
  'bastion down': 'check the bastion, and the network to it',
  'operator door shut': 'the home must be on a file system with sockets, and writable',
  'log list unread': 'check the URL or path of the log list',
  'unauthorised version': 'find out who made this version; if it was you, add it to the list',
  'releases unread': 'check the URL of the list, and the key that signs it',
  'alarm failing': 'gossum alarm test says what each receiver answers',
  'publishing failing':
    'free space where --publish writes, and check that the node may write there; readers see old data',
  'few witnesses': 'check the network and the peers: perhaps everything this node hears comes from one source',
  'one network': 'name bootstrap peers in other networks',
  'peers down': 'check the network and the addresses of the peers: gossum peers',
  'no peers': 'name peers with --bootstrap',
  'no policy': 'write a policy: only this node counts now',
  contradicted: 'compare heads with others at once: gossum check head',
  'place failing': 'check the URL of the place',
}

/** What to do about a test alert. */
export const TEST_ADVICE: Advice = { advice: 'nothing: this is a test', runbook: 'docs/alarm.md' }

/** What to do about a condition. */
export function adviceFor(name: ConditionName): Advice {
  return { advice: ADVICE[name], runbook: `docs/runbook.md#${name.replaceAll(' ', '-')}` }
}
