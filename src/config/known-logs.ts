/** The built-in logs. Separate from the settings, so that a command that needs only this loads only this. Pure. */

/** The verifier key of sum.golang.org, as built into the go command, and the URL of that log. */
export const SUM_GOLANG_ORG = 'sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8'
export const SUM_GOLANG_ORG_URL = 'https://sum.golang.org'
