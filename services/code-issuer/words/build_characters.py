"""Builds characters.tsv: 2,048 two-character Chinese words, each with its own fuzzy toneless pinyin.

    python -m venv build && build/bin/pip install -r requirements.txt && build/bin/python build_characters.py

The words are the most frequent common nouns of jieba's dictionary that pass every rule below. The result depends on the
pinned packages and on this file alone, so building it again gives the same bytes. Columns: the word, the same in traditional
characters, its pinyin. The fuzzy key is made by the service (src/domain/faces/pinyin.rs) with the rules of `fuzzy` here.
"""

import os

import jieba
from opencc import OpenCC
from pypinyin import Style, pinyin

SIZE = 2048
HERE = os.path.dirname(os.path.abspath(__file__))

# A word with one of these characters can hurt, frighten or anger the one who gets it, or touches politics, religion, the
# law, war, bodies, or illness. Rather too many than one too few: there are five times as many words as are needed.
UNWELCOME = set(
    "死亡丧葬坟墓尸棺祭鬼魂魄魔妖巫怪神仙佛庙寺僧尼道教圣祷祠禅咒灵幽冥殡殉殇墟"
    "杀屠戮刑狱囚犯罪贼匪盗偷抢劫骗诈赌毒烟酒嫖妓娼奸淫色性裸乳胸臀奶尿屎粪便屁肛阴阳精胎孕娩堕卵娠"
    "病癌瘤症疾疫痛伤残疯痴傻蠢笨瞎聋哑瘸瘫疮疤痔癣脓血肿炎菌疗药患医诊肺肝肾胃肠脏脑髓腺尸骨皮肤膜癫疹疡肌"
    "枪炮弹炸爆战军兵敌武刀剑斧匕箭攻击侵袭暴乱叛逆反革党政官帝皇君朝奴仆妾婢寡孤独裁选族侨共匈虏俘牢警捕押拘审判讼律法案"
    "邪恶坏丑恨怒仇冤悲哀哭泪愁惨凶祸灾难害危险债穷贫欠亏破败失损废腐臭脏污秽贱卑鄙耻辱骂侮蔑娘婊倭蛮夷胡"
    "瘾鸦蛆蛔虱蚤蟑鼠蛇狗猪驴龟鳖蝎枭棍鞭绞斩砍刺戳捅焚烧溺淹坠崩塌陷毁灭绝尽遗孽缠嫌罚谋谍"
    "民权国省市县州府部委局厅院署司厂队团营旅师连班干员长席总书记领袖主席命令权职贪贿腐宣运"
    "妻妇妃媳嫂婆嫁婚离寡鳏姘情爱恋欲妞妹姐女男婴儿童孩老衰朽旧"
    "穷懒愚昧庸俗土鄙霸盲粗蠢痞氓流浪乞丐贱奴匠徒役佃租税捐"
    "寒冷饿渴苦惧怕惊恐慌忧虑烦躁恼闷疲倦累虚假伪谎谣谤诬诽"
    "精液肛尻淋汗唾痰鼻涕垢屑渣垃圾废蛀霉锈腥臊膻"
    "原核辐射导鱼雷舰艇坦械弩矛盾戟戈弓靶营寨垒堡哨岗卡侦"
    "黑黄赤红右左派帮股票券贷息盈彩奖"
    "经典史古遗址文献碑陵殿宫廷禁"
    "尺寸斤两吨亩升斗顷毫厘丈"
    "你我他她它谁您俺咱"
)

# Characters that are taken for one another, by the eye or by a recogniser of handwriting. Not in Unicode's data.
CONFUSABLE = set(
    "己已巳人入八大太犬丈千干于土士未末日曰目且天夫无元田由甲申电王玉主刀力刁乌鸟免兔休体治冶候侯拔拨辨辩辫瓣戊戌戍"
    "贝见几儿九午牛夭木术本禾白自百侍待特晴睛今令冷处外折拆析历厉代伐石右古占竞竟亨享茶荼徒徙崇祟孑子了予矛间问闻"
    "何可司同向名各句旬甸竟境镜哀衷幕慕暮墓募蓝篮杨扬扫打仑仓仪义又叉爪瓜斤斥丘兵乒乓氏氐民壬任住往佳桂挂圭"
    "末来米采菜彩弋戈汁汗计讨记纪口囗回因困囚园圆固苦若者看着着船般盘航"
)

# Words that pass the rules and read badly all the same, or are no words that everybody knows and writes alike.
UNWELCOME_WORDS = set(open(os.path.join(HERE, "unwelcome.txt"), encoding="utf-8").read().split())


def fuzzy(syllable):
    """Toneless, and without what many accents don't tell apart."""
    for retroflex, flat in (("zh", "z"), ("ch", "c"), ("sh", "s")):
        if syllable.startswith(retroflex):
            syllable = flat + syllable[2:]
    syllable = {"n": "l", "f": "h"}.get(syllable[0], syllable[0]) + syllable[1:]
    syllable = syllable.replace("ü", "u").replace("v", "u")
    return syllable[:-1] if syllable.endswith(("ang", "eng", "ing")) else syllable


def is_common(character):
    """In the first level of GB 2312: the 3,755 characters that everybody reads."""
    try:
        return 0xB0 <= character.encode("gb2312")[0] <= 0xD7
    except UnicodeEncodeError:
        return False


def readings(character):
    return sorted(set(pinyin(character, style=Style.NORMAL, heteronym=True, v_to_u=True)[0]))


def candidates():
    path = os.path.join(os.path.dirname(jieba.__file__), "dict.txt")
    rows = (line.split() for line in open(path, encoding="utf-8"))
    nouns = [(-int(count), word) for word, count, tag in rows if len(word) == 2 and tag == "n"]
    return [word for _, word in sorted(nouns)]


def fits(word):
    return (
        word not in UNWELCOME_WORDS
        and word[0] != word[1]
        and not set(word) & (UNWELCOME | CONFUSABLE)
        and all(is_common(character) and len(readings(character)) == 1 for character in word)
    )


def main():
    traditional = OpenCC("s2t")
    chosen = {}
    for word in filter(fits, candidates()):
        syllables = [readings(character)[0] for character in word]
        chosen.setdefault(" ".join(map(fuzzy, syllables)), (word, " ".join(syllables)))
        if len(chosen) == SIZE:
            break
    assert len(chosen) == SIZE, len(chosen)
    with open(os.path.join(HERE, "characters.tsv"), "w", encoding="utf-8", newline="\n") as table:
        for word, reading in sorted(chosen.values(), key=lambda row: row[1]):
            table.write(f"{word}\t{traditional.convert(word)}\t{reading}\n")


main()
