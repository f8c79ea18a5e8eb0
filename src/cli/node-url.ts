/**
 * Which node a command asks, and the home of the node that it controls. A separate file, since not every command has to
 * load the configuration.
 */
import { loadConfig } from '../config/config.js'
import { GossumError } from '../errors.js'
import { askable } from '../status/go-setting.js'
import { USUAL_PORT } from './node-client.js'
import type { CommonFlags } from './common-flags.js'

/** --node > $GOSSUM_NODE > the address on which the configuration makes a node on this machine listen. */
export function nodeUrl({ node, config }: Pick<CommonFlags, 'node' | 'config'>): string {
  const named = node ?? process.env['GOSSUM_NODE']
  if (named) return named
  // A client needs no home, and may have none.
  const { host, port } = loadConfig({ home: '.' }, placesOf(config)).http
  return askable(`http://${host.includes(':') ? `[${host}]` : host}:${port || USUAL_PORT}`)
}

/** --home > $GOSSUM_HOME > the default. Throws FORBIDDEN when the node was named by its URL. */
export function operatorHome({ node, home, config }: Pick<CommonFlags, 'node' | 'home' | 'config'>): string {
  if (node !== undefined)
    throw new GossumError('FORBIDDEN', 'this reaches a node through its --home, not through --node URL')
  return loadConfig(home === undefined ? {} : { home }, placesOf(config)).home
}

/** The parts of a configuration that say where things are. */
function placesOf(config: string | undefined): { file?: string; policy: false; book: false } {
  return { ...(config === undefined ? {} : { file: config }), policy: false, book: false }
}
