/** The folder of the mirror in a home, for the node that runs there and the commands that examine it. */
import { join } from 'node:path'

export function mirrorFolder(home: string): string {
  return join(home, 'mirror')
}
