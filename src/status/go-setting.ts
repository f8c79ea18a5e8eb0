/** How to make the go command ask a node about a checksum database. Pure. */
import { SUM_GOLANG_ORG } from '../config/known-logs.js'
import { SUMDB_ORIGIN } from '../tlog/checkpoint.js'
import type { LogView } from './shapes.js'

/** The URL at which a node that listens on all addresses is reached from its own machine. */
export function askable(url: string): string {
  return url.replace('//0.0.0.0:', '//127.0.0.1:').replace('//[::]:', '//[::1]:')
}

/** Whether the go command can ask a node about a log: it must be a checksum database that can be asked itself. */
export function isSumDb({ origin, url, disabled }: Pick<LogView, 'origin' | 'url' | 'disabled'>): boolean {
  return origin === SUMDB_ORIGIN && url !== null && !disabled
}

/**
 * The value of GOSUMDB; `http` is the URL of the node. The go command has the key of sum.golang.org built in, and no
 * other.
 */
export function goSumDb({ key, name }: Pick<LogView, 'key' | 'name'>, http: string): string {
  return `${key === SUM_GOLANG_ORG ? name : key} ${askable(http)}/sumdb/${name}`
}
