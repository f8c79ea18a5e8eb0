/** Which node a command asks. Apart from who asks it: not every command has to read a configuration. */
import { loadConfig } from '../config.js'
import { askable, USUAL_PORT } from './client.js'
import type { CommonFlags } from './command.js'

/** --node > $GOSSUM_NODE > where the configuration lets a node of this machine listen. */
export function nodeUrl({ node, config }: Pick<CommonFlags, 'node' | 'config'>): string {
  const named = node ?? process.env['GOSSUM_NODE']
  if (named) return named
  // Whoever only asks needs no home, and may have none.
  const { host, port } = loadConfig(
    { home: '.' },
    { ...(config === undefined ? {} : { file: config }), policy: false, book: false },
  ).http
  return askable(`http://${host.includes(':') ? `[${host}]` : host}:${port || USUAL_PORT}`)
}
