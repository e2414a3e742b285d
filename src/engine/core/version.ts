/** The program's version, as in package.json: saved runs name it, so that another version can say which one wrote them. */
export const HALFSTEP_VERSION = '0.2.0';
