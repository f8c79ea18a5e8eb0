/** What an error code means at every door: one table for all of them. Pure. */

/** Who caused the error, and so who can do something about it. */
export type Fault =
  /** The requester: what was asked for does not exist, or not in this form. */
  | 'request'
  /** Bytes that are not a head of the requested log: no honest log serves them. */
  | 'head'
  /** Something well formed or validly signed that is not what it should be, or something that came with it. */
  | 'claim'
  /** A log, peer, place or node that was asked. */
  | 'remote'
  /** A reason why nothing may be signed now. */
  | 'signing'
  /** This node, its home or its machine. */
  | 'node'

export interface Traits {
  readonly fault: Fault
  /** HTTP status of the answer to the client that asked for it or sent it. */
  readonly status: number
  /** Exit code of a command that fails with it. */
  readonly exit: 1 | 2 | 3 | 4
  /** What gossip does with a message refused with this code: a reject lowers the sender's score. */
  readonly gossip: 'ignore' | 'reject'
  /** Whether the same request may succeed later, without any change by whoever made it. */
  readonly retryable: boolean
}

export type ErrorRow = readonly [sentence: string, hint: string, traits: Traits]

type Other = Partial<Pick<Traits, 'exit' | 'gossip' | 'retryable'>>

function traits(fault: Fault, usual: Omit<Traits, 'fault' | 'gossip'>, other: Other = {}): Traits {
  return { fault, gossip: 'ignore', ...usual, ...other }
}

/** A fault of the requester. */
export function request(status: number, other?: Other): Traits {
  return traits('request', { status, exit: 2, retryable: false }, other)
}

/** Not a head of the log. Rejected only if no honest node can have passed it on. */
export function noHead(status: number, gossip: Traits['gossip']): Traits {
  return traits('head', { status, exit: 2, retryable: false }, { gossip })
}

/** Not what it should be. */
export function claim(status: number): Traits {
  return traits('claim', { status, exit: 2, retryable: false })
}

/** A remote party gave no answer, or a useless one. */
export function remote(other?: Other & { readonly status?: number }): Traits {
  return traits('remote', { status: 502, exit: 1, retryable: true }, other)
}

/** Why nothing is signed: the head may be good, and may be signed later. */
export function unsigned(exit: Traits['exit']): Traits {
  return traits('signing', { status: 503, exit, retryable: true })
}

/** Something here is not ready yet. */
export function notNow(exit: Traits['exit']): Traits {
  return traits('node', { status: 503, exit, retryable: true })
}

/** A problem of this machine, for its operator. */
export function trouble(other?: Other): Traits {
  return traits('node', { status: 500, exit: 1, retryable: false }, other)
}
