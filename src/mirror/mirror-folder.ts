/** Where in a home the mirror keeps its files, for the node that runs there and the commands that look into it. */
import { join } from 'node:path'

export function mirrorFolder(home: string): string {
  return join(home, 'mirror')
}
