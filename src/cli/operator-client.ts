/** Sends the operator's commands to a node on this machine, through the socket in its home. */
import { request, type IncomingMessage } from 'node:http'
import { errorText, GossumError, HintedError } from '../errors.js'
import { operatorSocket, withShortPath } from '../http/operator-path.js'
import { nodeError } from './node-client.js'
import { readAtMost } from './read-at-most.js'

/** Milliseconds within which a node must answer: it allows itself a minute where it has to ask a log first. */
const TIMEOUT_MS = 75_000
/** The largest answer that is read, in bytes. */
const MAX_ANSWER_BYTES = 1024 * 1024

/** Why a socket refuses connections, and what to do about it. */
const OBSTACLES: Readonly<Record<string, readonly [what: string, hint: string]>> = {
  ENOENT: [
    'no node runs with this home',
    'name the home of the running node with --home DIR; if it runs on another machine, run the command there',
  ],
  ECONNREFUSED: ['the node of this home no longer runs', 'start it with gossum run'],
  EACCES: ['permission denied', 'run the command as the user that runs the node'],
}

/**
 * Returns the body of the node's answer to a POST. Throws NODE_UNREACHABLE, and the error with which the node refused.
 */
export function tellNode(home: string, path: string): Promise<Uint8Array> {
  return ask(home, path, 'POST')
}

/** The same for a GET, of what only the operator may read. */
export function readFromNode(home: string, path: string): Promise<Uint8Array> {
  return ask(home, path, 'GET')
}

async function ask(home: string, path: string, method: 'GET' | 'POST'): Promise<Uint8Array> {
  const socket = operatorSocket(home)
  try {
    const { status, body } = await withShortPath(socket, (socketPath) => exchange(socketPath, path, method))
    if (status !== 200) throw nodeError(socket, status, body)
    return body
  } catch (error) {
    if (error instanceof GossumError) throw error
    const [what, hint] = OBSTACLES[(error as NodeJS.ErrnoException).code ?? ''] ?? [errorText(error)]
    const unreachable = new GossumError('NODE_UNREACHABLE', `${socket}: ${what}`, error)
    throw hint === undefined ? unreachable : new HintedError(unreachable, hint)
  }
}

async function exchange(
  socketPath: string,
  path: string,
  method: string,
): Promise<{ status: number; body: Uint8Array }> {
  const asked = request({ socketPath, path, method, headers: { host: 'operator' }, agent: false })
  const late = setTimeout(() => asked.destroy(new GossumError('TIMEOUT', 'the node does not answer')), TIMEOUT_MS)
  try {
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      asked.once('response', resolve).once('error', reject).end()
    })
    const body = await readAtMost(answer, MAX_ANSWER_BYTES)
    if (body === undefined) throw new GossumError('NODE_UNREACHABLE', 'its answer is too large')
    return { status: answer.statusCode!, body }
  } finally {
    clearTimeout(late)
  }
}
