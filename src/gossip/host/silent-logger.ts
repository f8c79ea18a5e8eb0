/**
 * A logger for libp2p that is silent unless DEBUG is set. libp2p's own creates two or three loggers for every stream
 * and connection, each of which inspects the environment and the terminal, and checks for every line of every frame
 * whether it is enabled.
 */
import type { ComponentLogger, Logger } from '@libp2p/interface'

const nothing = (): void => undefined
const SILENT: Logger = Object.assign(() => undefined, {
  error: nothing,
  trace: nothing,
  enabled: false,
  newScope: () => SILENT,
})

/** One silent logger for everything; or none where DEBUG is set, so that libp2p uses its own. */
export function libp2pLogger(env: NodeJS.ProcessEnv = process.env): { readonly logger?: ComponentLogger } {
  return (env['DEBUG'] ?? '') === '' ? { logger: { forComponent: () => SILENT } } : {}
}
