/** What a client asks when it is told an address alone: a server, or a folder of this machine. */
export { openSource } from './log-source.js'
