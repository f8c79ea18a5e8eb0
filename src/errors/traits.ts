/** What an error code means at every door, so that no door has an opinion of its own. Pure. */

/** Who caused it, and so who can do something about it. */
export type Fault =
  /** Of whoever asks: it cannot be had, or not like this. */
  | 'request'
  /** Of bytes that are no head of the log that was asked: no honest log gives them out. */
  | 'head'
  /** Of something well-formed, or well signed, that is not what it should be, or of what came with it. */
  | 'claim'
  /** Of a log, a peer, a place or a node that was asked. */
  | 'remote'
  /** Nothing may be signed now. */
  | 'signing'
  /** Of this node, its home or its machine. */
  | 'node'

export interface Traits {
  readonly fault: Fault
  /** Status of the HTTP answer to whoever asked for it, or brought it. */
  readonly status: number
  /** Exit code of a command that ends with it. */
  readonly exit: 1 | 2 | 3 | 4
  /** What gossip does with a message that is refused with it: a reject costs the sender its standing. */
  readonly gossip: 'ignore' | 'reject'
  /** Whether the very same may be answered otherwise later, though whoever asked has changed nothing. */
  readonly retryable: boolean
}

export type ErrorRow = readonly [sentence: string, hint: string, traits: Traits]

type Other = Partial<Pick<Traits, 'exit' | 'gossip' | 'retryable'>>

function traits(fault: Fault, usual: Omit<Traits, 'fault' | 'gossip'>, other: Other = {}): Traits {
  return { fault, gossip: 'ignore', ...usual, ...other }
}

/** A fault of whoever asks. */
export function request(status: number, other?: Other): Traits {
  return traits('request', { status, exit: 2, retryable: false }, other)
}

/** No head of the log. Rejected only where no honest node can have passed it on. */
export function noHead(status: number, gossip: Traits['gossip']): Traits {
  return traits('head', { status, exit: 2, retryable: false }, { gossip })
}

/** Not what it should be. */
export function claim(status: number): Traits {
  return traits('claim', { status, exit: 2, retryable: false })
}

/** Somebody else gave no answer, or a useless one. */
export function remote(other?: Other & { readonly status?: number }): Traits {
  return traits('remote', { status: 502, exit: 1, retryable: true }, other)
}

/** Why nothing is signed: the head may be a good one, and a time may come when it is. */
export function unsigned(exit: Traits['exit']): Traits {
  return traits('signing', { status: 503, exit, retryable: true })
}

/** Something here is not ready, and will be. */
export function notNow(exit: Traits['exit']): Traits {
  return traits('node', { status: 503, exit, retryable: true })
}

/** Trouble of this machine, for its operator. */
export function trouble(other?: Other): Traits {
  return traits('node', { status: 500, exit: 1, retryable: false }, other)
}
