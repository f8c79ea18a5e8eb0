/**
 * The logger of libp2p, which nobody reads unless DEBUG says so. Its own makes two or three for every stream and connection, each with
 * a look at the environment and the terminal, and asks with each line of each frame whether somebody listens.
 */
import type { ComponentLogger, Logger } from '@libp2p/interface'

const nothing = (): void => undefined
const SILENT: Logger = Object.assign(() => undefined, {
  error: nothing,
  trace: nothing,
  enabled: false,
  newScope: () => SILENT,
})

/** One logger that says nothing, for everything; none, so that libp2p takes its own, where DEBUG asks for one. */
export function libp2pLogger(env: NodeJS.ProcessEnv = process.env): { readonly logger?: ComponentLogger } {
  return (env['DEBUG'] ?? '') === '' ? { logger: { forComponent: () => SILENT } } : {}
}
