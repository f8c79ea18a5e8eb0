/** SHA-256 in hex. */
export function sourcesHash(): string
