/** Where the socket of the operator is, for the node that listens there and the commands that ask it. */
import { open } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

/** The longest path that every system takes for a socket, in bytes. */
const MAX_PATH_BYTES = 100

export function operatorSocket(home: string): string {
  return join(home, 'operator.sock')
}

/** Runs `act` with a path of a socket that is short enough for the system. Rejects where there is none. */
export async function withShortPath<T>(path: string, act: (path: string) => Promise<T>): Promise<T> {
  // Only Linux has another name for a directory that is open; elsewhere the system says what is wrong.
  if (Buffer.byteLength(path) <= MAX_PATH_BYTES || process.platform !== 'linux') return act(path)
  const directory = await open(dirname(path), 'r')
  try {
    return await act(`/proc/self/fd/${directory.fd}/${basename(path)}`)
  } finally {
    await directory.close()
  }
}
