/** Which node a command asks, and where the home of the one that it commands is. In a file of its own, since not every command has to read a configuration. */
import { loadConfig } from '../config/config.js'
import { GossumError } from '../errors.js'
import { askable } from '../status/go-setting.js'
import { USUAL_PORT } from './node-client.js'
import type { CommonFlags } from './common-flags.js'

/** --node > $GOSSUM_NODE > where the configuration lets a node of this machine listen. */
export function nodeUrl({ node, config }: Pick<CommonFlags, 'node' | 'config'>): string {
  const named = node ?? process.env['GOSSUM_NODE']
  if (named) return named
  // Whoever only asks needs no home, and may have none.
  const { host, port } = loadConfig({ home: '.' }, placesOf(config)).http
  return askable(`http://${host.includes(':') ? `[${host}]` : host}:${port || USUAL_PORT}`)
}

/** --home > $GOSSUM_HOME > the default. Throws FORBIDDEN for a node that is named by its address. */
export function operatorHome({ node, home, config }: Pick<CommonFlags, 'node' | 'home' | 'config'>): string {
  if (node !== undefined) throw new GossumError('FORBIDDEN', 'a node is told so by its --home, and not by --node URL')
  return loadConfig(home === undefined ? {} : { home }, placesOf(config)).home
}

/** What is read of a configuration to know where things are. */
function placesOf(config: string | undefined): { file?: string; policy: false; book: false } {
  return { ...(config === undefined ? {} : { file: config }), policy: false, book: false }
}
