/**
 * Some files of undici on their own: the whole package takes four times as long to load, and changes the fetch of the
 * process.
 */
declare module 'undici/lib/dispatcher/agent.js' {
  import type { Agent } from 'undici'
  const agent: typeof Agent
  export default agent
}
declare module 'undici/lib/core/connect.js' {
  import type { buildConnector } from 'undici'
  const build: typeof buildConnector
  export default build
}
declare module 'undici/lib/core/symbols.js' {
  /** `kParser`: the property of a socket that has its parser. */
  const symbols: { readonly kParser: symbol }
  export default symbols
}
