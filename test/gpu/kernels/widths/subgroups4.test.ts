import { testWidths } from './testWidths.ts';

testWidths(4, 'two widths');
