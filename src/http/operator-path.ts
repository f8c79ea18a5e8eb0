/** The path of the operator's socket, for the node that listens there and the commands that connect to it. */
import { open } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

/** The longest socket path that every system accepts, in bytes. */
const MAX_PATH_BYTES = 100

export function operatorSocket(home: string): string {
  return join(home, 'operator.sock')
}

/** Runs `act` with a path of the socket that is short enough for the system. Rejects if there is none. */
export async function withShortPath<T>(path: string, act: (path: string) => Promise<T>): Promise<T> {
  // Only Linux has a second name for an open directory; on other systems, the error is the system's.
  if (Buffer.byteLength(path) <= MAX_PATH_BYTES || process.platform !== 'linux') return act(path)
  const directory = await open(dirname(path), 'r')
  try {
    return await act(`/proc/self/fd/${directory.fd}/${basename(path)}`)
  } finally {
    await directory.close()
  }
}
