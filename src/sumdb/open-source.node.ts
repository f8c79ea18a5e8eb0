/** The source for a client that was given only a URL: a server, or a folder of this machine. */
export { openSource } from './log-source.js'
