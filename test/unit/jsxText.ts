/** Finds text in TSX whose DOM node React would still use after a translator or an extension has replaced it. */
import { parseSync } from 'vite';

interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [field: string]: unknown;
}

type Kind = 'element' | 'mayChange' | 'text' | 'mayBeText';

/** Props and methods of type ReactNode that only receive elements. */
const SLOTS: ReadonlySet<unknown> = new Set(['children', 'action', 'legend']);

/** Methods that return a list made from the list they are called on. */
const KEEPS_ELEMENTS: ReadonlySet<unknown> = new Set(['reverse', 'toReversed', 'filter', 'slice']);

/** Elements whose content is not prose: a translator would corrupt it. */
const UNTRANSLATED: ReadonlySet<unknown> = new Set(['code', 'kbd', 'pre', 'output']);

/**
 * React keeps text with siblings as a separate node: it writes to it, removes it and inserts others before it, which
 * fails or has no effect after the node was replaced. Text that is the only child of an element is written with
 * `textContent`, which always works.
 * @returns "file:line: what is wrong: the text" for each
 */
export function fragileTexts(file: string, source: string): string[] {
  const { program, errors } = parseSync(file, source);
  if (errors.length > 0) throw new Error(`${file}: ${errors[0]!.message}`);
  const root = program as unknown as Node;
  const found: string[] = [];
  const report = (node: Node, what: string) => {
    const line = source.slice(0, node.start).split('\n').length;
    const text = source.slice(node.start, node.end).trim().replace(/\s+/g, ' ');
    found.push(`${file}:${line}: ${what}: ${text}`);
  };
  const known = elementNames(root);
  visit(root, (node) => {
    if (node.type === 'JSXElement' || node.type === 'JSXFragment') checkChildren(node, known, report);
    if (node.type === 'JSXOpeningElement' && UNTRANSLATED.has(tagOf(node)) && !isUntranslated(node)) {
      report(node, 'without translate="no"');
    }
  });
  return found;
}

function checkChildren(
  parent: Node,
  known: ReadonlySet<unknown>,
  report: (node: Node, what: string) => void,
): void {
  const children = (parent.children as Node[]).filter((child) => !isBlank(child));
  const isFragment = parent.type === 'JSXFragment';
  if (children.length < 2 && !isFragment) return;
  let changesBefore = false;
  for (const child of children) {
    const kind = kindOf(child, known);
    if (kind === 'mayBeText') report(child, 'text that changes has siblings');
    else if (kind === 'text' && isFragment) report(child, 'text in a fragment has siblings');
    else if (kind === 'text' && changesBefore) report(child, 'text stands after what comes and goes');
    changesBefore ||= kind === 'mayChange';
  }
}

/** White space that JSX drops, and comments. */
function isBlank(child: Node): boolean {
  if (child.type === 'JSXText') return /^\s*\n\s*$/.test(String(child.value));
  return child.type === 'JSXExpressionContainer' && (child.expression as Node).type === 'JSXEmptyExpression';
}

function kindOf(child: Node, known: ReadonlySet<unknown>): Kind {
  switch (child.type) {
    case 'JSXText':
      return 'text';
    case 'JSXExpressionContainer': {
      const expression = child.expression as Node;
      if (typeof expression.value === 'string') return 'text';
      return rendersElements(expression, known) ? 'mayChange' : 'mayBeText';
    }
    case 'JSXElement':
      return /^[a-z]/.test(String(tagOf(child.openingElement as Node))) ? 'element' : 'mayChange';
    default:
      return 'mayChange';
  }
}

function tagOf(opening: Node): unknown {
  return (opening.name as Node).name;
}

function isUntranslated(opening: Node): boolean {
  return (opening.attributes as Node[]).some(
    ({ name, value }) =>
      (name as Node | undefined)?.name === 'translate' && (value as Node | null)?.value === 'no',
  );
}

/** Names of a file's constants and functions that are, or return, elements. */
function elementNames(root: Node): ReadonlySet<unknown> {
  const names = new Set<unknown>();
  visit(root, (node) => {
    const init = node.type === 'VariableDeclarator' ? (node.init as Node | null) : null;
    if (!init) return;
    const made = init.type === 'ArrowFunctionExpression' ? (init.body as Node) : init;
    if (rendersElements(made, names)) names.add((node.id as Node).name);
  });
  return names;
}

/** Whether an expression is, judging by its form, an element, several or none, and never text. */
function rendersElements(expression: Node, known: ReadonlySet<unknown>): boolean {
  const renders = (node: unknown) => rendersElements(node as Node, known);
  switch (expression.type) {
    case 'JSXElement':
    case 'JSXFragment':
      return true;
    case 'Literal':
      return expression.value === null || typeof expression.value === 'boolean';
    case 'ParenthesizedExpression':
    case 'ChainExpression':
      return renders(expression.expression);
    case 'LogicalExpression':
      return expression.operator === '&&' && renders(expression.right);
    case 'ConditionalExpression':
      return renders(expression.consequent) && renders(expression.alternate);
    case 'CallExpression':
      return callRendersElements(expression, known);
    case 'Identifier':
      return SLOTS.has(expression.name) || known.has(expression.name);
    default:
      return false;
  }
}

/** `list.map((item) => <Item />)`, `Array.from(list, () => <Item />)`, or a function of the file that returns elements. */
function callRendersElements(call: Node, known: ReadonlySet<unknown>): boolean {
  const callee = call.callee as Node;
  if (callee.type === 'Identifier') return known.has(callee.name);
  const method = (callee.property as Node | undefined)?.name;
  if (SLOTS.has(method)) return true;
  if (KEEPS_ELEMENTS.has(method)) return rendersElements(callee.object as Node, known);
  if (method !== 'map' && method !== 'flatMap' && method !== 'from') return false;
  const each = (call.arguments as Node[]).at(-1);
  if (each?.type !== 'ArrowFunctionExpression') return false;
  const body = each.body as Node;
  if (body.type !== 'BlockStatement') return rendersElements(body, known);
  const returned: Node[] = [];
  visit(body, (node) => {
    if (node.type === 'ReturnStatement') returned.push(node.argument as Node);
  });
  return returned.length > 0 && returned.every((argument) => rendersElements(argument, known));
}

function visit(node: Node, each: (node: Node) => void): void {
  each(node);
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (typeof child === 'object' && child !== null && 'type' in child) visit(child as Node, each);
    }
  }
}
