"""What keeps a promise from being one: hedged, supposed, taken back, regretted, hung on what never comes, or a name."""

from __future__ import annotations

from .patterns import Alternatives

_HEDGED = Alternatives(
    r"\b(?:cant|cannot|wont|not|never|dont|couldnt|nobodys?|nobody is|no ones?) (?:\w+ ){0,2}(?:promis|guarante|swear|"
    r"say|tell|know|think|believ|suggest|claim|accus|imply|sure|certain|entitled)(?:e|s|es|ed|ing|eing)?\b|"
    r"\b(?:no|any|without|wouldnt bet) (?:\w+ )?(?:guarantees?|promises?|assurances?|certainty|telling|on it|"
    r"way (?:of knowing|to (?:know|tell|say)))\b|"
    r"\b(?:in general|generally|as a rule|no idea|might be able)\b|โดย(?:ทั่วไป|ปกติ)|"
    r"\bin (?:your dreams|(?:a|another) (?:hundred|thousand|million|lifetime|life))\b|"
    r"\b(?:over my dead body|dream on|keep dreaming|good luck (?:with|getting|finding)|yeah right|of never|some ?day|"
    r"one of these days|hopefully|fingers crossed|(?:i|we) might|if (?:i|we) (?:feel|felt) like)\b|"
    r"\bsaid (?:nobody|no ?one)\b|, (?:or (?:maybe )?)?not[ ,]*$|"
    r"\bif (?:i|we) cared\b|\bsupposedly\b|\bnot that (?:i|we|any(?:one|body)) (?:cares?|will|would|do|can|could)\b|"
    r"\b(?:responsibility|ownership|blame) (?:for|of) (?:\w+ )?(?:nothing|nobody|none)\b|"
    r"\b(?:some(?:one|body)|who(?:ever)?|no ?(?:one|body)|they|he|she|bank|shop|driver|courier)(?: \w+)? "
    r"(?:ought to|should|must|(?:need|has|have|want)s? to)(?: \w+)? (?:take|own|accept|bear|answer|pay)\b|"
    "(?:ใคร|คน(?:ที่)?(?:ทำ)?ผิด|เขา|ธนาคาร)\\S{0,12}(?:ควร|ต้อง|น่าจะ)\\S{0,8}รับผิดชอบ|"
    r"\b(?:its|it is|thats) not that\b|\b(?:check|see|ask|know|find out|look) (?:\w+ )?(?:whether|if)\b|"
    r"\b(?:doesnt|does not) mean\b|\bnot (?:as if|to say)\b|ไม่ใช่ว่า|ไม่ได้(?:หมายความ|แปล|บอก|พูด)ว่า|"
    "สักวัน|เดี๋ยวก็คง|ชาติ(?:นี้|หน้า|ไหน)|ฝันไป|เมื่อ(?:ไหร่|ไร)(?:ก็)?ไม่(?:รู้|ทราบ|แน่)|"
    r"\btry(?:ing)? to (?:refund|credit|return|reverse|get (?:you|your|it|that|the))\b|"
    r"\bno need (?:for you )?to (?:be )?(?:ring|call|phone|hold|wait|transfer|speak|talk|contact|pass|put|kept|left)|"
    r"^(?:(?:and|but|so|then|well|or|hopefully)[ ,]+)*(?:maybe|perhaps|possibly)\b"
    r"(?! (?:i|we) (?:can|could|should) (?:ask|start|begin)\b)|"
    r"\b(?:maybe|perhaps),? (?:not|never)\b|\bunlikely\b|(?<!no )(?<!dont )\bdoubt(?:ful)?\b|"
    r"\b(?:it|they|some(?:one|body)|this|there|money|refund|payment|credit) (?:may|might)\b(?! take\b)|"
    r"\byou (?:may|might) (?:\w+ )?(?:get|receive|see)\b|"
    r"\b(?:was|were) (?:just )?(?:going|about|meant|supposed) to\b(?! (?:ask|say|tell|check|look|call)\b)|"
    r"\b(?:i|we|it) could (?!have (?:been|done)\b)(?:\w+ )?"
    r"(?:refund|credit|return|reverse|pay|give|have|get|be there)\b|"
    r"\blets (?:just )?(?:pretend|say|suppose|assume|imagine|call (?:your|it)\b)|"
    r"^(?:and |so )?(?:pretend|suppose|assume) (?:that )?(?:i|we|it|your|the)\b|"
    r"\bhope (?:that )?(?:it|they|the|this|your?|youll)\b(?=.*\b(?:there|arrives?|refund\w*|money|case|number|back)\b)|"
    r"\b(?:some(?:one|body)|they|he|she) should (?:\w+ )?(?:refund|credit|return|pay|give|send)\b|"
    r"\b(?:it|money|refund|payment) should(?:ve| have) (?:been|arrived|come|reached)\b|"
    r"\bthere should(?: be|ve| have)\b|"
    r"\b(?:i|we) (?:\w+ )?(?:refuse|decline)d? to (?:\w+ )?"
    r"(?:refund|credit|return|reverse|pay|give|have|send|help)\b|"
    "เกือบ(?:จะ)?(?:ได้|คืน|เข้า|มี|เป็น)|สมมุ?ติ|หวังว่า(?:คุณ|เงิน|เลข|จะ|คง)|(?<!ไม่)ควร(?:จะ)?(?:คืน|ได้(?!(?:รับ)?(?:การดูแล|บริการ|อะไรที่ดี|สิ่งที่ดี))|มี|เข้า|ให้|โอน)|"
    "อาจ(?:จะ)?(?:ไม่)?(?:ได้(?:รับ)?(?:เงิน|คืน)|เข้า|คืน|ให้|โอน|ถึงบัญชี)|^(?:ถ้า|หาก)(?!(?:คุณ|ลูกค้า|ท่าน|พี่).*ไม่(?:เกิด|เป็น|มี|โดน|ต้อง)).*ก็คง"
    "(?!\\S{0,6}(?:โกรธ|โมโห|หงุดหงิด|เหนื่อย|เครียด|ท้อ|รู้สึก|หัวเสีย|อารมณ์|ทน|ไม่ไหว))|"
    "(?:รับปาก|รับประกัน|การันตี|สัญญา)\\S{0,8}ไม่ได้|ไม่แน่(?:ใจ|นะ|ว่า|หรอก|เหมือนกัน|ค่ะ|ครับ)|ไม่อยาก(?:พูด|ให้ความหวัง)|"
    "ไม่(?:สามารถ|กล้า|ขอ|อยาก|อาจ|ได้|มีอะไร|มีใคร)*(?:รับปาก|รับประกัน|การันตี|สัญญา|ยืนยัน)"
)
SUPPOSED = Alternatives(
    r"\bif (?:only )?(?:i|we) (?:could(?! (?:just )?(?:have|get|ask|take))|had|were(?! (?:you|in)))\b|"
    r"\bif it (?:was|were)\b(?! (?:me|my|mine|happening))|"
    r"\bif (?!you\b)(?:\w+ ){1,4}had (?:\w+ )?(?:been|told|made|done|known|gone|come|\w+ed)\b|"
    r"\bif (?!(?:you|there|it|i|we)\b)(?:\w+ ){1,4}were\b|"
    r"^(?:and |but )?(?:had|were) (?:it|that|this|the \w+|we|i|there)\b|"
    r"\b(?:id|wed|i would|we would) have (?:refunded|credited|returned|sent|fixed|written|told|paid|let)\b|"
    r"\bif (?:only )?you(?:d|hadnt| had| hadnt)(?: only| just| even| actually| ever)? "
    r"(?:read|told|been|kept|paid|\w{2,}ed)\b|"
    r"\bwish (?:i|we|it|that)\b|"
    r"\b(?:if|in case) (?:we|the line|the call|you) (?:\w+ )?(?:get|gets|cut|disconnected|drop|drops|lose|loses)\b|"
    r"\bif you (?:first )?(?:pay|buy|upgrade)\b(?! (?:by|with|for it by))|\bif you (?:\w+ ){1,6}first\b|"
    r"\b(?:but )?only if you\b|\bif you sign\b|\bon (?:the )?condition that\b|"
    r"\bif (?<!\bsee if )(?<!\bcheck if )(?<!\bask if )(?<!\bknow if )(?<!\bout if )(?<!\beven if )"
    r"(?:it|that|this|there|we|they|"
    r"the (?:second |extra )?(?:payment|charge|money|bank|system|error|mistake|fault|claim|request))"
    r"(?: \w+){0,2} (?:turns?|proves?|is|was|were|are|did|does|has|have|can|finds?|shows?|charged|"
    r"billed|took|approves?|allows?|agrees?)\b"
    r"(?! (?:\w+ )?(?:my (?!mistake|fault|error)\w+|ok|okay|alright|all right|fine|easier|better|possible|helps?)\b)|"
    "(?:ถ้า|หาก)(?:เป็นไปได้|ทำได้|เลือกได้|ดิฉันทำได้|ผมทำได้|เรา(?:ทำ|เลือก)ได้)|"
    "(?:ถ้า|หาก)(?:ตรวจ|พบ|ปรากฏ|เช็[กค](?:แล้ว|พบ|เจอ)|(?:เรา|ระบบ)?(?:เก็บ|ตัด)(?:เงิน)?(?:ซ้ำ|เกิน)|(?:ธนาคาร|หัวหน้า|ผู้จัดการ)\\S{0,8}(?:อนุมัติ|ตกลง)|"
    "(?:มัน|เรื่องนี้)?เป็นความผิด|\\S{0,25}จริง(?! ?ๆ))|"
    "(?:ถ้า|หาก|เวลา)(?:คุณ|ลูกค้า|จะ)?(?:โทร|ติดต่อ)กลับ|"
    "(?:ถ้า|หาก)\\S{0,30}ได้ ?\\S{0,12}ก็\\S{0,20}(?:ไป|ให้|นาน)แล้ว|"
    "(?:ถ้า|หาก|เผื่อ)สาย(?:หลุด|ตัด|ขาด)|(?:ถ้า|หาก)(?:คุณ|ลูกค้า)?(?:ยอม)?(?:เซ็น|ต่อสัญญา)|"
    "(?:ถ้า|หาก)(?:คุณ|ลูกค้า|พี่|น้อง|ลุง|ป้า|ท่าน|อาจารย์)?(?:ยอม|หา\\S{1,12}เจอ|จ่าย(?:ค่า|เพิ่ม)|ซื้อ|สมัคร|อัปเกรด|ตัดสินใจ|(?:ยืนยัน|บอก|ให้)รหัส)|"
    "(?:ถ้า|หาก)\\S{0,6}(?:(?:ลูกค้า|คน|ท่าน|ราย|ห้อง|โต๊ะ|ของ|คิว)\\S{0,6}(?:อื่น|เหลือ|ว่าง)|(?:ผู้จัดการ|หัวหน้า|ระบบ|ทีม|ผู้ใหญ่)\\S{0,10}(?:โอเค|ให้|ยอม|ผ่าน|ไฟเขียว))|"
    "(?:ถ้า|หาก)\\S{0,6}(?:ผู้จัดการ|หัวหน้า|ทีม|ผู้ใหญ่|ฝ่าย|แผนก|บัญชี|ผู้บริหาร|ธนาคาร|ทางร้าน)\\S{0,12}(?:โอเค|ยอม|ผ่าน|ไฟเขียว|อนุมัติ|ตกลง|เซ็น|เห็นชอบ)"
)
"""What would be done if things were other than they are, or is done only if the persona does something first."""
IF_LIKED = Alternatives(r"(?:(?:and|so|or|well) )?if you(?:d| would)? (?:like|want|wish|prefer)(?: (?:that|it|so|to))?")
WISHED = Alternatives(
    r"\b(?:id|wed|i would|we would|want|wanted|meant|hoped)(?: \w+)?"
    r"(?: (?:love|like|happy|glad|prefer))? (?:to|have)\b|"
    "อยาก(?!ทราบ|รู้|ได้)"
)
NEVER = Alternatives(
    r"\bpigs (?:\w+ ){0,2}fly\b|\bhell (?:\w+ )?(?:freezes|froze)|\bcows come home\b|"
    r"\b(?:as soon as|once|when|if|after|until|till|unless|provided(?: that)?|"
    r"the (?:moment|minute|second|instant|day)) "
    r"you(?:ve|d|re)?(?: \w+)? (?:apologi|sa(?:y|id) sorry|stop|calm|beg|behave|shut|cool|grow up|admit|prove|"
    r"ask nicely|nice|polite|thank|learn)|\bunless (?:i|we|it) (?:dont|doesnt|wont|cant|isnt)\b|"
    r"\b(?:as soon as|once|when|if|unless) (?:the|our|my) (?:polic\w+|rules?|system|boss|manager|management|supervisor|"
    r"company) (?:\w+ )?(?:allow|permit|let|agree|approve|say|feel|want|change)(?:s|d|ed)?\b|"
    "ก็ต่อเมื่อ|(?:ปลา|หมู|ควาย|ช้าง|วัว)\\S{0,6}บิน|"
    "(?:ถ้า|หาก|เมื่อ|พอ|หลังจาก|จนกว่า)(?:คุณ|ลูกค้า)(?:จะ|ยอม)*(?:ขอโทษ|หยุด|เลิก|สงบ|ใจเย็น|กราบ|อ้อนวอน|ยอมรับผิด|พิสูจน์)"
)
"""What never comes, what the house alone decides, or a humbling that is asked of the persona first."""
REFUSES = Alternatives(
    r"(?:(?:and|but|so|only|except|although|though|which|sadly|unfortunately|sorry|that|because|however) |, )*"
    r"(?:i|we|they|he|she|it|that|nobody|no ?one|im|were|its|thats) "
    r"(?:(?:just|really|simply|certainly|definitely|actually|still|obviously|probably|sure|am|is|are) )*"
    r"(?:wont|cant|cannot|dont|doesnt|isnt|arent|couldnt|wouldnt|shant|unable|impossible|will|"
    r"(?:(?:will|can|do|does|would|could) )?(?:not|never))"
    r"(?: (?:going|gonna|about|able|allowed|willing|to|do|be|doing|it|that|this|so|possible|actually|really|want|plan|"
    r"in|the|end|after|all|feel|like|happening|though|either|today|ever|of|course|"
    r"let|letting|me|us|so|yeah|sorry|madam|sir|maam|im|afraid|,))*[ ,]*$|"
    "(?:แต่|ตอนนี้|สรุป(?:ว่า)?)(?:ก็|คง|จะ|มัน|ระบบ|เรา|ดิฉัน|ผม|หนู|ทาง|บริษัท|ตอนนี้)*(?:ทำ|ช่วย|คืน)?(?:ให้)?ไม่(?:อยาก|คิดจะ)?(?:ได้|ทำ|ให้|คืน|ช่วย|รับผิดชอบ)?(?:ให้|คืน)?"
    "(?:จริง|หรอก|เลย|นะ|แล้ว|อะ|ค่ะ|คะ|ครับ|[ ,ๆ])*$"
)
"""A denial that does not say of what: of the promise before it."""
UNSAYS = Alternatives(
    r"(?:(?:and|but|well|oh|no|sorry|because) |, )*(?:(?:i|we|im|were|that was|it was|its|that|it) )?"
    r"(?:(?:only|just|all|have|simply) )*"
    r"(?:made (?:it|that|this|them) (?:all )?up|made up|invented (?:it|that)|lied|lying|kidding|joking|a joke|a lie|"
    r"(?:dont|couldnt|doesnt|do not) (?:really )?(?:care|mean (?:it|that)|believe (?:it|that))(?: less)?|"
    r"(?:didnt|havent|hasnt|wasnt|werent|never did))[ ,]*$|"
    r"(?:(?:and|but) )?(?:who|nobody|no ?one)(?: here)? cares[ ,?]*$|but why (?:would|should) (?:i|we)[ ,?]*$|"
    r"(?:but )?(?:its|thats|which is|it is|that is) (?:fake|invented)\b|(?:but )?(?:which|it) isnt (?:a )?real\b|"
    "(?:แต่)?(?:เรา|ดิฉัน|ผม|ก็)*(?:พูด|ล้อ)เล่น|(?:แต่)?(?:เรา|ดิฉัน|ผม|ก็)*(?:แต่ง|กุ|มั่ว)(?:ขึ้น|เอา|เรื่อง|เลข)|"
    "(?:แต่)?(?:เรา|ดิฉัน|ผม|ก็)*โกหก(?:นะ|ค่ะ|ครับ|[ ,])*$|แต่(?:เรา|ดิฉัน|ผม|ก็)*ไม่(?:สน|แคร์)|แต่(?:เป็น)?(?:เลข)?(?:มั่ว|ปลอม)"
)
"""Says that what stands before it is not so, or is nothing to the trainee."""
OWNED = Alternatives(r"\b(?:should|shouldve|ought|supposed|meant)\b|ควร")
"""What was to be done: who says that it was not owns up."""
IMPOSSIBLE = Alternatives(
    r"but(?: \w+){0,4} (?:wont|doesnt|dont|not|didnt|cant) (?:let|allow|allowed|permit|permitted)\b|"
    r"but (?:(?:i|we)(?:d| would)?|id|wed)(?: \w+)? (?:rather|prefer)\b|"
    r"แต่(?:ผม|ดิฉัน|เรา|ก็)*(?:อยาก|ขอ|จะ)\S{0,20}มากกว่า|"
    r"but (?:first )?(?:let me|i (?:have|need|want|must)(?: to)?|id (?:have|need|want|like) to) (?:first )?"
    r"(?:look|check|see|ask|find)\b|"
    "แต่(?:ต้อง)?ขอ(?:ดู|ตรวจ|เช็ก|ถาม)\\S{0,12}ก่อน|"
    "แต่\\S{0,20}ไม่(?:อนุญาต|ยอม|ให้ทำ)"
)
"""What takes back the promise before it."""
_REGRETTED = (
    "said|mentioned|brought|used|called|asked|offered|suggested|told|rushed|raised|started|spoke|talked|accused|blamed"
)
REGRETS = Alternatives(
    rf"\b(?:sorry|apologi[sz]e|apologies|forgive me)(?: (?:that|if|for|about|i|we|just|even|ever|because))* "
    rf"(?:(?<= i )|(?<= we )|(?<= just )|(?<= even )|(?<= ever ))(?:{_REGRETTED})\b|"
    r"\b(?:sorry|apologi[sz]e|apologies|forgive me) (?:for|about) (?:(?:my|me|just|even|ever) )*"
    r"(?:saying|mentioning|bringing|using|calling|offering|suggesting|telling|rushing|raising|starting|accusing|"
    r"blaming)\b|"
    r"\b(?:i|we) (?:(?:really|probably|certainly) )*(?:shouldnt|should not|should never|ought not to|oughtnt to) have "
    rf"(?:\w+ )?(?:{_REGRETTED})\b|"
    r"\b(?:i|we) (?:didnt mean|never meant|did not mean) to "
    r"(?:say|mention|bring|use|call|offer|suggest|rush|accuse|blame)\b|"
    r"\b(?:forget|ignore|scrap|strike) (?:that |what |anything |everything )?(?:i|we) (?:just |ever |even )?"
    r"(?:said|mentioned|brought|offered|suggested)\b|\bi take (?:back|(?:that|it|this|what i said|the \w+) back)\b|"
    "(?:ขอโทษ|ขออภัย|โทษที|เสียใจ|ไม่(?:น่า|ควร)(?:จะ)?)(?:(?!แต่)\\S){0,12}? ?(?:ที่)?(?:เผลอ|ไป|เอา|มา)?"
    "(?:พูด(?:ถึง|เรื่อง)|เสนอ|เอ่ย|ยก(?:เรื่อง)?|ชวน|ขาย|เร่ง|อ้าง)|"
    "(?:พูด|เสนอ|เอ่ย)(?:ถึง|เรื่อง|ไป)\\S{0,20}เมื่อกี้|เรื่อง\\S{2,20}ที่(?:ดิฉัน|ผม|หนู|เรา)?(?:พูด|เสนอ|เอ่ย)(?:ไป|ถึง)|"
    "ลืมเรื่อง\\S{2,20}?ไป(?:เถอะ|เลย|ได้เลย|ก่อน)"
)
"""What the trainee has said and regrets or takes back: it is not said now."""
PAST = Alternatives(
    r"\b(?:ago|yesterday|last (?:week|month|time|year|night|\w+day))\b|"
    r"\b(?:was|were|went|came|called|rang|paid|ordered|signed|charged|billed|debited) (?:\w+ ){0,3}"
    r"(?:on|in|before|until|at|since)\b|\b(?:bill|payment|invoice|instalment)s? (?:is|are|falls|comes) (?:next )?due\b|"
    r"\bon (?:mon|tues|wednes|thurs|fri|satur|sun)days\b|\b(?:each|every|always) (?:\w+ ){0,3}(?:on|by|before)\b|"
    "(?<!จะ)(?:ตัด|เก็บ|ชำระ|จ่าย|หัก|โทรมา|ซื้อ)(?:เงิน|บิล)?(?:ไป|มา)?(?:ตอน|ตั้งแต่)?วัน|"
    "(?:บิล|ใบแจ้งหนี้|รายการ|ยอด|เงิน(?:ออก|หาย|ถูกตัด|โดนตัด))(?:(?!จะ|คืน)\\S){0,16}วันที่|"
    "(?:เงื่อนไข|กฎ|นโยบาย|ระเบียบ|หลักเกณฑ์|ข้อกำหนด)\\S{0,30}ภายใน|ต้อง(?:คืน|เปลี่ยน|ส่ง|แจ้ง|ชำระ|จ่าย)\\S{0,16}ภายใน|"
    "ใบงาน|(?:ถูก|โดน|ได้รับการ)(?:เลื่อน|ย้าย|เปลี่ยน|ตัด|เก็บ|หัก|ยกเลิก)(?!กลับ|คืน)|"
    "(?:พบ|เจอ|เห็น)(?:ว่า)?(?:มี)?(?:(?!จะ|คืน)\\S){0,16}(?:ตัด|เก็บ|หัก|จ่าย|ชำระ)(?!ให้)|มีการ(?:ตัด|เก็บ|เรียกเก็บ|หัก|ชำระ|ทำรายการ)|"
    "(?:รอบ|เดือน|อาทิตย์|สัปดาห์|ปี)(?:ก่อน(?!ที่|จะ|ออก)|ที่แล้ว)|เมื่อ(?:วาน|กี้|เช้า|วัน|เดือน|อาทิตย์|ปี|คืน)|"
    r"ของทุกเดือน|(?:ครั้ง|รอบ|รายการ|ใบ)(?:แรก|ที่\S{1,4}?)(?:คือ|ตอน|เป็น|ตัด)*วัน|(?:ตัด|หัก)(?:บัตร|บัญชี)(?:(?!คืน)\S){0,8}วันที่|"
    r"(?:พรุ่งนี้|มะรืน)(?:เป็น|คือ)?วันหยุด|วันนี้(?:คือ|เป็น|ก็)?วัน(?:ที่|จันทร์|อังคาร|พุธ|พฤหัส|ศุกร์|เสาร์|อาทิตย์)|"
    r"(?:โปร|สัญญา|แพ็กเกจ|บัตร|ส่วนลด|คูปอง|แต้ม)\S{0,12}(?:หมด|สิ้นสุด|เริ่ม|ใช้ได้)|"
    r"(?:ดิฉัน|ผม|หนู)\S{0,6}(?:หยุด|ลา(?=$|[ ค])|ไม่อยู่|เข้าเวร|เข้ากะ)|"
    r"(?:ร้าน|ศูนย์|ออฟฟิศ|สำนักงาน|สาขา|ธนาคาร|แบงก์|บริษัท|แผนก)\S{0,6}(?:ปิด|หยุด|เปิด(?!เรื่อง|เคส))|"
    r"(?:บิล|ใบแจ้งหนี้)(?:รอบ|ใบ)?(?:ถัดไป|ต่อไป|หน้า|ใหม่)(?:(?!คืน|เครดิต|หัก|ลด)\S){0,16}(?:ออก|มา|ตัด)|"
    "(?:ตัด|ออก|ชำระ|จ่าย|คืน|เริ่ม)(?:รอบ|บิล|เงิน)?(?:กัน)?ทุก(?:วัน|เดือน)|ทุกวันที่|"
    "(?:นึก|ย้อน|จำ)(?:(?!ไว้)\\S){0,12}วัน|ทั้งคู่ ?(?:เมื่อ|ลง)?วันที่|(?:ใบแรก|ใบที่สอง|งวดแรก)ออก"
)
"""What happened on a day that is past, or happens each month: no promise."""
_UNDONE = Alternatives(
    r"\b(?:i|we|weve|ive|they) (?:still )?(?:havent|have not|didnt|did not|cant|cannot|couldnt)\b|"
    r"\b(?:isnt|arent|hasnt|is not|not) (?:\w+ ){0,2}yet\b|"
    r"\b(?:isnt|arent|hasnt|havent) (?:been )?(?!need|requir)\w+ed\b|\b(?:im|were|i am|we are) not able\b|"
    "ยังไม่(?:ได้|มี(?!ใคร|เงิน|รายการ|อะไร)|เสร็จ)|ไม่ได้(?:จริง ?ๆ ?|หรอก|เลย)*(?:ค่ะ|คะ|ครับ|นะคะ|นะครับ|[ ,]|$)|^ไม่สามารถ"
)


def is_hedged(said: str) -> bool:
    """Whether a text that went through `plain` promises nothing for certain: "I can't guarantee"."""
    return bool(_HEDGED.search(said) or SUPPOSED.search(said))


def is_undone(said: str) -> bool:
    """Whether a text that went through `plain` says that something was not done, or cannot be: "we haven't … yet"."""
    return bool(_UNDONE.search(said))


_NAME = Alternatives(
    r"\b(?:refunds?|billing|returns?|payments?|cancellations?|complaints?) "
    r"(?:team|department|desk|office|people|policy|policies|rules?|form)\b|"
    "(?:แผนก|ฝ่าย|ทีม|ขั้นตอน|นโยบาย|เงื่อนไข|แบบฟอร์ม|ปุ่ม|ช่อง|เมนู|หน้า|คำขอ)(?:การ|ขอ)?(?:คืนเงิน|เงินคืน|ชดเชย)|"
    r"(?:คุย|ถาม|ปรึกษา)\S{0,12}เรื่อง(?:การ|ขอ)?(?:คืนเงิน|เงินคืน)"
)


def is_name(said: str, start: int, end: int) -> bool:
    """Whether what stands between these places is but a team's or a rule's name: "the refund team will", แผนกคืนเงิน."""
    return any(name.start() < end and start < name.end() for name in _NAME.finditer(said))
